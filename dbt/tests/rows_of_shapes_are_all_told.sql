-- Each row that feeds an event or a reading is told, or counted as a copy of one that is.

with told as (

    select
        'event' as shape,
        (select count(*) from {{ ref('int_event__unioned') }}) as fed,
        (select coalesce(sum(copies), 0) from {{ ref('int_event__settled') }}) as settled

    union all

    select
        'reading' as shape,
        (select count(*) from {{ ref('int_reading__unioned') }}) as fed,
        (select coalesce(sum(copies), 0) from {{ ref('int_reading__settled') }}) as settled

)

select shape, fed, settled
from told
where fed <> settled
