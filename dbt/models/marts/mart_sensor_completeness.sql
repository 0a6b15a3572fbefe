-- Grain: one sensor and quantity of one dataset, and a day; a month where readings are a day or more apart.
-- A sensor is expected from its own first day to the last day of its dataset: one that fell silent goes on counting.

with readings as (

    select
        district,
        dataset,
        sensor_id,
        quantity,
        time_zone,
        interval_seconds,
        is_usable,
        case when interval_seconds < 86400 then 'day' else 'month' end as period,
        cast(local_at as date) as day,
        -- An hour that the clock shows twice has two slots. Of readings that are further apart than that hour is long,
        -- those that follow the clock would meet in one slot of UTC when the clock is put on.
        floor(
            case
                when interval_seconds <= 3600 then {{ epoch_seconds('observed_at') }}
                else {{ epoch_seconds('local_at') }}
            end / interval_seconds
        ) as slot
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
        readings.period,
        max(readings.time_zone) as time_zone,
        max(readings.interval_seconds) as interval_seconds,
        min(readings.day) as first_day,
        max(datasets.last_day) as last_day
    from readings
    inner join datasets on readings.district = datasets.district and readings.dataset = datasets.dataset
    group by readings.district, readings.dataset, readings.sensor_id, readings.quantity, readings.period

),

days as (

    select *, {{ each_day('first_day', 'last_day') }} as period_start
    from sensors
    where period = 'day'

),

months as (

    select *, {{ each_month('first_day', 'last_day') }} as period_start
    from sensors
    where period = 'month'

),

periods as (

    select *, {{ days_later('period_start', 1) }} as period_end from days
    union all
    select *, {{ months_later('period_start', 1) }} as period_end from months

),

expected as (

    select
        *,
        -- A day is as long as its time zone makes it: 23 or 25 hours twice a year in Dublin.
        cast(round({{ seconds_between(
            instant_of('greatest(period_start, first_day)', 'time_zone'),
            instant_of('least(period_end, ' ~ days_later('last_day', 1) ~ ')', 'time_zone')
        ) }} / interval_seconds) as bigint) as expected
    from periods

),

slots as (

    select
        district,
        dataset,
        sensor_id,
        quantity,
        period,
        case period when 'day' then day else {{ month_of('day') }} end as period_start,
        slot
    from readings
    where is_usable
    group by 1, 2, 3, 4, 5, 6, 7

),

came as (

    select district, dataset, sensor_id, quantity, period, period_start, count(*) as slots
    from slots
    group by district, dataset, sensor_id, quantity, period, period_start

)

select
    expected.district,
    expected.dataset,
    expected.sensor_id,
    expected.quantity,
    expected.period,
    expected.period_start,
    expected.expected,
    least(coalesce(came.slots, 0), expected.expected) as came,
    least(coalesce(came.slots, 0), expected.expected) / cast(expected.expected as double) as share
from expected
left join came
    on expected.district = came.district
    and expected.dataset = came.dataset
    and expected.sensor_id = came.sensor_id
    and expected.quantity = came.quantity
    and expected.period = came.period
    and expected.period_start = came.period_start
where expected.expected > 0
