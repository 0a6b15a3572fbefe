-- Grain: one monitor of one dataset, and a day (06:00 to 22:00 local time) or a night (22:00 to 06:00), which bears
-- the date on which it begins.

with readings as (

    select
        district,
        dataset,
        sensor_id,
        zone_class,
        interval_seconds,
        time_zone,
        value,
        is_usable,
        observed_at,
        floor({{ epoch_seconds('observed_at') }} / interval_seconds) as slot,
        -- Six hours earlier by the wall clock, a day begins at midnight and a night at 16:00 of the same date.
        {{ at_hour('local_at', -6) }} as shifted
    from {{ ref('int_reading__settled') }}
    where quantity = 'noise_laeq' and interval_seconds > 0

),

placed as (

    select
        *,
        cast(shifted as date) as period_date,
        case when extract(hour from shifted) < 16 then 'day' else 'night' end as period
    from readings

),

summed as (

    select
        district,
        dataset,
        sensor_id,
        period_date,
        period,
        max(time_zone) as time_zone,
        -- As of its limit, that of the period's beginning.
        min_by(zone_class, case when zone_class is not null then observed_at end) as zone_class,
        max(interval_seconds) as interval_seconds,
        count(distinct case when is_usable then slot end) as came,
        -- The mean of energies, not of decibels: one loud minute outweighs many quiet ones.
        round(10 * log10(
            sum(case when is_usable then power(10, value / 10) * interval_seconds end)
            / sum(case when is_usable then interval_seconds end)
        ), 1) as laeq_db
    from placed
    group by district, dataset, sensor_id, period_date, period

),

expected as (

    select
        *,
        case period when 'day' then {{ at_hour('period_date', 6) }} else {{ at_hour('period_date', 22) }} end as starts,
        case period when 'day' then {{ at_hour('period_date', 22) }} else {{ at_hour('period_date', 30) }} end as ends
    from summed

),

limited as (

    select
        expected.*,
        cast(round(
            {{ seconds_between(instant_of('starts', 'time_zone'), instant_of('ends', 'time_zone')) }} / interval_seconds
        ) as bigint) as expected,
        limits.standard,
        limits.limit_db
    from expected
    left join {{ ref('noise_limits') }} as limits
        on expected.zone_class = limits.zone_class
        and expected.period = limits.period
        and expected.period_date >= limits.valid_from
        and (limits.valid_to is null or expected.period_date < limits.valid_to)

)

select
    district,
    dataset,
    sensor_id,
    period_date,
    period,
    zone_class,
    expected,
    least(came, expected) as came,
    least(came, expected) / cast(expected as double) as share,
    laeq_db,
    standard,
    limit_db,
    case
        when limit_db is null then 'no_limit'
        when laeq_db is null or least(came, expected) < {{ var('noise_least_share') }} * expected then 'incomplete'
        when laeq_db > limit_db then 'exceeded'
        else 'within'
    end as verdict
from limited
