-- Grain: one sensor and quantity of one dataset, and a day; a month where readings are a day or more apart.
-- A sensor is expected from its own first day to the last day of its dataset: one that fell silent goes on counting.

with readings as (

    select
        *,
        cast({{ local_time('observed_at', 'time_zone') }} as date) as day,
        floor({{ epoch_seconds('observed_at') }} / interval_seconds) as slot
    from {{ ref('int_reading__settled') }}
    where interval_seconds > 0

),

datasets as (

    select district, dataset, max(day) as last_day
    from readings
    group by district, dataset

),

sensors as (

    select
        readings.district,
        readings.dataset,
        readings.sensor_id,
        readings.quantity,
        readings.time_zone,
        max(readings.interval_seconds) as interval_seconds,
        min(readings.day) as first_day,
        max(datasets.last_day) as last_day
    from readings
    inner join datasets on readings.district = datasets.district and readings.dataset = datasets.dataset
    group by readings.district, readings.dataset, readings.sensor_id, readings.quantity, readings.time_zone

),

days as (

    select *, {{ each_day('first_day', 'last_day') }} as day
    from sensors

),

came as (

    select
        district,
        dataset,
        sensor_id,
        quantity,
        day,
        count(distinct case when is_usable then slot end) as readings
    from readings
    group by district, dataset, sensor_id, quantity, day

),

counted as (

    select
        days.*,
        case when days.interval_seconds < 86400 then 'day' else 'month' end as period,
        -- A day is as long as its time zone makes it: 23 or 25 hours twice a year in Dublin.
        {{ seconds_between(
            instant_of('days.day', 'days.time_zone'), instant_of(days_later('days.day', 1), 'days.time_zone')
        ) }} as seconds,
        coalesce(came.readings, 0) as readings
    from days
    left join came
        on days.district = came.district
        and days.dataset = came.dataset
        and days.sensor_id = came.sensor_id
        and days.quantity = came.quantity
        and days.day = came.day

),

summed as (

    select
        district,
        dataset,
        sensor_id,
        quantity,
        period,
        case period when 'day' then day else {{ month_of('day') }} end as period_start,
        cast(round(sum(seconds) / max(interval_seconds)) as bigint) as expected,
        cast(sum(readings) as bigint) as readings
    from counted
    group by district, dataset, sensor_id, quantity, period, case period when 'day' then day else {{ month_of('day') }} end

)

select
    district,
    dataset,
    sensor_id,
    quantity,
    period,
    period_start,
    expected,
    least(readings, expected) as came,
    least(readings, expected) / cast(expected as double) as share
from summed
where expected > 0
