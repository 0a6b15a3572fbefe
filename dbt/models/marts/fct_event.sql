-- Grain: one event of one dataset.

with latest_areas as (

    select area_code_12, area_name, area_level, district_code, current_area_code, current_district_code
    from {{ ref('dim_area') }}
    qualify row_number() over (partition by area_code_12 order by valid_from desc) = 1

),

events as (

    select
        *,
        -- A grid's code begins with its community's.
        coalesce(area_code, left(grid_code, 12)) as place_code
    from {{ ref('int_event__settled') }}

)

select
    md5(events.district || '|' || events.dataset || '|' || events.event_id) as event_key,
    events.district,
    events.dataset,
    events.event_id,
    events.category,
    events.track,
    events.channel,
    events.status,
    events.place_code as area_code,
    events.grid_code,
    areas.area_name,
    areas.area_level,
    areas.district_code,
    areas.current_area_code,
    areas.current_district_code,
    events.reported_at,
    events.signed_at,
    events.dispatched_at,
    events.arrived_at,
    events.solved_at,
    events.verified_at,
    events.longitude,
    events.latitude,
    events.crs,
    events.copies,
    events._delivery as delivery
from events
left join latest_areas as areas on rpad(events.place_code, 12, '0') = areas.area_code_12
