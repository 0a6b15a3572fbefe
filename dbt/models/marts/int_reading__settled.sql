{{ config(materialized='table') }}
-- Grain: one sensor, quantity and instant of one dataset. Deliveries that overlap repeat readings: the best flag
-- wins, then the newest partition, then the delivery by name, so that every build keeps the same row.

with ranked as (

    select
        *,
        count(*) over (partition by district, dataset, sensor_id, quantity, observed_at) as copies,
        row_number() over (
            partition by district, dataset, sensor_id, quantity, observed_at
            order by
                case quality when 'good' then 1 when 'suspect' then 2 when 'invalid' then 3 else 4 end,
                _partition desc,
                _delivery desc,
                value
        ) as rank
    from {{ ref('int_reading__unioned') }}

)

select
    ranked.district,
    ranked.dataset,
    ranked.sensor_id,
    ranked.quantity,
    ranked.value,
    ranked.unit,
    ranked.observed_at,
    ranked.interval_seconds,
    ranked.quality,
    ranked.value is not null and ranked.quality in ('good', 'suspect') as is_usable,
    ranked.zone_class,
    ranked.area_code,
    ranked.longitude,
    ranked.latitude,
    ranked.crs,
    ranked.copies,
    ranked._delivery as delivery,
    registered.share_class,
    registered.time_zone
from ranked
inner join {{ ref('int_pool__registered') }} as registered
    on ranked.district = registered.district and ranked.dataset = registered.dataset
where ranked.rank = 1
