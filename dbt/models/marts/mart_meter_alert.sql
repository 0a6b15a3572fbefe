-- Grain: one meter, kind of alert and the instant since when. No reading is told, only that somebody should look.
-- All ages are counted to the newest reading of the dataset, never to the wall clock.

with readings as (

    select
        district,
        dataset,
        sensor_id,
        area_code,
        observed_at,
        value,
        -- Nothing is missed before the second reading that was promised did not come.
        greatest({{ var('meter_silent_hours') }} * 3600, 2 * coalesce(interval_seconds, 0)) as silent_seconds,
        lag(value) over (partition by district, dataset, sensor_id order by observed_at) as value_before,
        lag(observed_at) over (partition by district, dataset, sensor_id order by observed_at) as read_before,
        lead(observed_at) over (partition by district, dataset, sensor_id order by observed_at) as read_next,
        max(observed_at) over (partition by district, dataset) as as_of
    from {{ ref('int_reading__settled') }}
    where quantity = 'water_volume' and is_usable

),

-- A run is a time of equal readings without a silence between them: a meter that says nothing is not a flat one.
marked as (

    select
        *,
        case
            when value_before is null or value <> value_before then 1
            when {{ seconds_between('read_before', 'observed_at') }} >= silent_seconds then 1
            else 0
        end as begins_run
    from readings

),

numbered as (

    select
        *,
        sum(begins_run) over (
            partition by district, dataset, sensor_id order by observed_at rows unbounded preceding
        ) as run
    from marked

),

runs as (

    select
        *,
        min(observed_at) over (partition by district, dataset, sensor_id, run) as since,
        max(observed_at) over (partition by district, dataset, sensor_id, run) as last_flat
    from numbered

),

flat as (

    select
        district,
        dataset,
        sensor_id,
        max(area_code) as area_code,
        'flat' as kind,
        since,
        -- The first reading that shows 48 hours: one cycle after them at most.
        min(observed_at) as raised_at,
        max(case when observed_at = last_flat then read_next end) as ended_at,
        max(last_flat) as known_until,
        max(as_of) as as_of
    from runs
    where {{ seconds_between('since', 'observed_at') }} >= {{ var('meter_flat_hours') }} * 3600
    group by district, dataset, sensor_id, since

),

silent as (

    select
        district,
        dataset,
        sensor_id,
        area_code,
        'silent' as kind,
        observed_at as since,
        {{ later('observed_at', 'silent_seconds') }} as raised_at,
        read_next as ended_at,
        coalesce(read_next, as_of) as known_until,
        as_of
    from readings
    where {{ seconds_between('observed_at', 'coalesce(read_next, as_of)') }} >= silent_seconds

),

backwards as (

    select
        district,
        dataset,
        sensor_id,
        area_code,
        'backwards' as kind,
        read_before as since,
        observed_at as raised_at,
        observed_at as ended_at,
        observed_at as known_until,
        as_of
    from readings
    where value < value_before

),

alerts as (

    select * from flat
    union all
    select * from silent
    union all
    select * from backwards

)

select
    district,
    dataset,
    sensor_id,
    area_code,
    kind,
    since,
    raised_at,
    ended_at,
    ended_at is null as is_open,
    {{ seconds_between('since', 'known_until') }} / 3600.0 as hours,
    as_of
from alerts
