-- Grain: one clock, step and dataset, and a day, month or year in which events were reported, local time.
-- One definition for all clocks: what differs is in the seed event_clocks.

{% set stamps = ['reported', 'signed', 'dispatched', 'arrived', 'solved', 'verified'] %}

with events as (

    select
        events.*,
        cast({{ local_time(
            'coalesce(reported_at, signed_at, dispatched_at, arrived_at, solved_at, verified_at)', 'registered.time_zone'
        ) }} as date) as day
    from {{ ref('int_event__settled') }} as events
    inner join {{ ref('int_pool__registered') }} as registered
        on events.district = registered.district and events.dataset = registered.dataset
    where coalesce(events.status, '') <> 'cancelled'

),

stamped as (

    select
        events.district,
        events.dataset,
        events.day,
        clocks.clock,
        clocks.step,
        clocks.stamp,
        clocks.measured_from,
        clocks.limit_minutes,
        case clocks.measured_from
            {% for stamp in stamps %}
            when '{{ stamp }}' then events.{{ stamp }}_at
            {% endfor %}
        end as started_at,
        case clocks.stamp
            {% for stamp in stamps %}
            when '{{ stamp }}' then events.{{ stamp }}_at
            {% endfor %}
        end as reached_at,
        -- The latest of the stamps that come before this one in the order of work, where they are there.
        case clocks.stamp
            {% for stamp in stamps %}
            when '{{ stamp }}' then greatest(
                events.reported_at
                {%- for before in stamps[:loop.index0] or ['reported'] %}, events.{{ before }}_at{% endfor -%}
            )
            {% endfor %}
        end as latest_before
    from events
    cross join {{ ref('event_clocks') }} as clocks
    where events.day is not null

),

judged as (

    select
        *,
        case
            when started_at is null or reached_at is null then 'missing'
            when reached_at < started_at or reached_at < latest_before then 'impossible'
            else 'measured'
        end as state,
        {{ seconds_between('started_at', 'reached_at') }} / 60.0 as minutes
    from stamped
    -- A dataset takes part in the steps that it stamps at all.
    qualify count(reached_at) over (partition by district, dataset, clock, step) > 0

),

dated as (

    {% for period, start in [('day', 'day'), ('month', month_of('day')), ('year', year_of('day'))] %}
    select '{{ period }}' as period, {{ start }} as period_start, *
    from judged
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

summed as (

    select
        clock,
        step,
        stamp,
        measured_from,
        limit_minutes,
        district,
        dataset,
        period,
        period_start,
        count(*) as n,
        sum(case when state = 'missing' then 1 else 0 end) as missing,
        sum(case when state = 'impossible' then 1 else 0 end) as impossible,
        sum(case when state = 'measured' then 1 else 0 end) as measured,
        sum(case when state = 'measured' and minutes <= limit_minutes then 1 else 0 end) as met,
        {{ quantile("case when state = 'measured' then minutes end", 0.5) }} as median_minutes,
        {{ quantile("case when state = 'measured' then minutes end", 0.9) }} as p90_minutes
    from dated
    group by clock, step, stamp, measured_from, limit_minutes, district, dataset, period, period_start

)

select
    clock,
    step,
    stamp,
    measured_from,
    limit_minutes,
    district,
    dataset,
    period,
    period_start,
    n,
    cast(measured as bigint) as measured,
    cast(met as bigint) as met,
    met / cast(nullif(measured, 0) as double) as share_met,
    median_minutes,
    p90_minutes,
    cast(missing as bigint) as missing,
    missing / cast(n as double) as share_missing,
    cast(impossible as bigint) as impossible,
    impossible / cast(n as double) as share_impossible
from summed
