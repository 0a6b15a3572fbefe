-- No count of 1 to k - 1 people is published, and no published whole tells a hidden part by subtraction.

with wholes as (

    select district, dataset, area_code, people, is_suppressed
    from {{ ref('mart_headcount') }}
    where cell = 'whole'

),

parts as (

    select
        district,
        dataset,
        whole_code,
        count(case when is_suppressed then 1 end) as hidden,
        sum(people) as published
    from {{ ref('mart_headcount') }}
    where cell = 'part'
    group by district, dataset, whole_code

)

select district, dataset, area_code, 'a small count is published' as fault
from {{ ref('mart_headcount') }}
where {{ is_small('people') }}

union all

select wholes.district, wholes.dataset, wholes.area_code, 'the whole tells a hidden part' as fault
from wholes
inner join parts
    on wholes.district = parts.district
    and wholes.dataset = parts.dataset
    and wholes.area_code = parts.whole_code
where
    not wholes.is_suppressed
    and parts.hidden > 0
    and (
        parts.hidden = 1
        -- Small cells alone hold at most k - 1 each, and at least 1: a sum at either end would tell them all.
        or wholes.people - coalesce(parts.published, 0) <= parts.hidden
        or wholes.people - coalesce(parts.published, 0) < {{ var('smallest_cell') }}
    )
