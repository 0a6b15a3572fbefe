{{ config(materialized='table') }}
-- Grain: one sensor, quantity and instant of one dataset. Deliveries that overlap repeat readings: the best flag
-- wins, then the newest partition, then the delivery by name, so that every build keeps the same row.
-- What a reading does not say of its sensor, the register of sensors says for its day.

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

),

settled as (

    select
        ranked.*,
        registered.share_class,
        registered.time_zone
    from ranked
    inner join {{ ref('int_pool__registered') }} as registered
        on ranked.district = registered.district and ranked.dataset = registered.dataset
    where ranked.rank = 1

),

-- A time zone named row by row is slow to apply, and many sensors share an instant: each is converted once.
instants as (

    select
        time_zone,
        observed_at,
        {{ local_time('observed_at', 'time_zone') }} as local_at
    from (select distinct time_zone, observed_at from settled) as distinct_instants

)

select
    settled.district,
    settled.dataset,
    settled.sensor_id,
    settled.quantity,
    settled.value,
    settled.unit,
    settled.observed_at,
    instants.local_at,
    settled.interval_seconds,
    settled.quality,
    settled.value is not null and settled.quality in ('good', 'suspect') as is_usable,
    coalesce(settled.zone_class, sensors.zone_class) as zone_class,
    coalesce(settled.area_code, sensors.area_code) as area_code,
    case when settled.crs is null then sensors.longitude else settled.longitude end as longitude,
    case when settled.crs is null then sensors.latitude else settled.latitude end as latitude,
    coalesce(settled.crs, sensors.crs) as crs,
    settled.copies,
    settled._delivery as delivery,
    settled.share_class,
    settled.time_zone
from settled
inner join instants
    on settled.time_zone = instants.time_zone and settled.observed_at = instants.observed_at
left join {{ ref('int_sensor__settled') }} as sensors
    on settled.district = sensors.district
    and settled.dataset = sensors.dataset
    and settled.sensor_id = sensors.sensor_id
    and cast(instants.local_at as date) >= sensors.holds_from
    and (sensors.holds_until is null or cast(instants.local_at as date) < sensors.holds_until)
