-- No count of 1 to k - 1 people is published, no whole of which a part is hidden, and no part is hidden alone where
-- another one that is not empty could hide it. All areas of a dataset are of one level: else one would be the whole
-- of others.

with cells as (

    select * from {{ ref('mart_headcount') }}

),

wholes as (

    select
        district,
        dataset,
        coalesce(whole_code, area_code) as area_code,
        count(case when cell = 'part' and is_suppressed then 1 end) as hidden,
        count(case when cell = 'part' and people > 0 then 1 end) as shown,
        count(case when cell = 'whole' and not is_suppressed then 1 end) as told
    from cells
    group by district, dataset, coalesce(whole_code, area_code)

),

levels as (

    select
        district,
        dataset,
        min(area_code) as area_code,
        count(distinct {{ area_digits('area_code') }}) as levels
    from cells
    where cell = 'part'
    group by district, dataset

)

select district, dataset, area_code, 'a small count is published' as fault
from cells
where {{ is_small('people') }}

union all

select district, dataset, area_code, 'a whole is published with a part hidden' as fault
from wholes
where hidden > 0 and told > 0

union all

select district, dataset, area_code, 'a part is hidden alone' as fault
from wholes
where hidden = 1 and shown > 0

union all

select district, dataset, area_code, 'areas of several levels' as fault
from levels
where levels > 1
