-- Grain: one area of one dataset and the day it was counted, or the whole of the areas with one parent.
-- Where a part is too small to be published, the next smallest is hidden with it, else the whole: what is left never
-- tells a hidden part by subtraction. There is no level above, so that no greater whole tells a hidden one.

with newest as (

    select *
    from {{ ref('int_headcount__unioned') }}
    qualify row_number() over (
        partition by district, dataset, area_code, counted_date order by _partition desc, _delivery desc, people
    ) = 1

),

-- The newest count of each area.
cells as (

    select
        district,
        dataset,
        area_code,
        left(area_code, case length(area_code) when 12 then 9 when 9 then 6 when 6 then 4 else 2 end) as whole_code,
        counted_date,
        people,
        {{ is_small('people') }} as is_small
    from newest
    qualify row_number() over (partition by district, dataset, area_code order by counted_date desc) = 1

),

ranked as (

    select
        *,
        max(case when is_small then 1 else 0 end) over (partition by district, dataset, whole_code) as has_small,
        count(case when not is_small and people > 0 then 1 end)
            over (partition by district, dataset, whole_code) as complements,
        row_number() over (
            partition by district, dataset, whole_code
            order by case when not is_small and people > 0 then 0 else 1 end, people, area_code
        ) as place
    from cells

),

parts as (

    select
        district,
        dataset,
        area_code,
        whole_code,
        'part' as cell,
        counted_date,
        people,
        is_small,
        has_small = 1 and complements > 0 and place = 1 as is_complement,
        has_small = 1 and complements = 0 as leaves_whole
    from ranked

),

wholes as (

    select
        district,
        dataset,
        whole_code as area_code,
        cast(null as varchar) as whole_code,
        'whole' as cell,
        max(counted_date) as counted_date,
        sum(people) as people,
        {{ is_small('sum(people)') }} as is_small,
        max(case when leaves_whole then 1 else 0 end) = 1 as is_complement
    from parts
    group by district, dataset, whole_code

),

all_cells as (

    select district, dataset, area_code, whole_code, cell, counted_date, people, is_small, is_complement from parts
    union all
    select district, dataset, area_code, whole_code, cell, counted_date, people, is_small, is_complement from wholes

)

select
    district,
    dataset,
    cell,
    area_code,
    whole_code,
    counted_date,
    case when not is_complement then cast({{ suppressed('people') }} as bigint) end as people,
    is_small or is_complement as is_suppressed
from all_cells
