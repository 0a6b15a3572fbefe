-- Grain: one area of one dataset, or the whole of the areas with one parent, each at its newest count.
-- Where a part is too small to be published, neither is the whole, nor one other part beside it: a total that
-- somebody knows from another dataset or from an older version less the other parts does not tell the small one. That
-- other part is the first by its code. Chosen by its size, the choice itself would tell of sizes, and change from
-- version to version: what one hides, another would show.

with newest as (

    select *
    from {{ ref('int_headcount__unioned') }}
    qualify row_number() over (
        partition by district, dataset, area_code
        order by counted_date desc, _partition desc, _delivery desc, people
    ) = 1

),

cells as (

    select
        district,
        dataset,
        area_code,
        {{ parent_area('area_code') }} as whole_code,
        counted_date,
        people,
        {{ is_small('people') }} as is_small,
        people > 0 and not {{ is_small('people') }} as can_hide
    from newest

),

parts as (

    select
        *,
        max(case when is_small then 1 else 0 end) over (partition by district, dataset, whole_code) = 1 as has_small,
        can_hide and row_number() over (
            partition by district, dataset, whole_code, can_hide order by area_code
        ) = 1 as is_first
    from cells

),

wholes as (

    select
        district,
        dataset,
        whole_code as area_code,
        max(counted_date) as counted_date,
        sum(people) as people,
        max(case when has_small then 1 else 0 end) = 1 as is_suppressed
    from parts
    group by district, dataset, whole_code

),

all_cells as (

    select
        district,
        dataset,
        'part' as cell,
        area_code,
        whole_code,
        counted_date,
        people,
        is_small or (has_small and is_first) as is_suppressed
    from parts

    union all

    select
        district,
        dataset,
        'whole' as cell,
        area_code,
        cast(null as varchar) as whole_code,
        counted_date,
        people,
        is_suppressed
    from wholes

)

select
    district,
    dataset,
    cell,
    area_code,
    whole_code,
    counted_date,
    case when not is_suppressed then cast({{ suppressed('people') }} as bigint) end as people,
    is_suppressed
from all_cells
