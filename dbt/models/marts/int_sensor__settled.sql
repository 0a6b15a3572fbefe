{{ config(materialized='view') }}
-- Grain: one sensor of one dataset of readings, and the day from which an entry of a register holds, until the next.

with newest as (

    select
        *,
        coalesce(valid_from, cast('0001-01-01' as date)) as holds_from
    from {{ ref('int_sensor__unioned') }}
    qualify row_number() over (
        partition by district, readings_of, sensor_id, valid_from
        order by _partition desc, _delivery desc, zone_class, area_code, longitude, latitude
    ) = 1

)

select
    district,
    readings_of as dataset,
    sensor_id,
    holds_from,
    lead(holds_from) over (partition by district, readings_of, sensor_id order by holds_from) as holds_until,
    zone_class,
    area_code,
    longitude,
    latitude,
    crs
from newest
