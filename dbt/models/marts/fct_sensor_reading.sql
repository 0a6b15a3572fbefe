-- Grain: one sensor, quantity and instant of one dataset. Readings of a dataset that is not shared stay in the lake:
-- what they tell leaves as an alert.

select
    md5(
        district || '|' || dataset || '|' || sensor_id || '|' || quantity || '|'
        || cast({{ epoch_seconds('observed_at') }} as varchar)
    ) as reading_key,
    district,
    dataset,
    sensor_id,
    quantity,
    value,
    unit,
    observed_at,
    interval_seconds,
    quality,
    zone_class,
    area_code,
    longitude,
    latitude,
    crs,
    copies,
    delivery
from {{ ref('int_reading__settled') }}
where share_class <> 'not_shared'
