{{ config(materialized='view') }}
-- What a county-level or higher code of an edition's year has become: followed through the history of codes
-- as long as each retirement names exactly one successor.
-- A successor with a year in brackets took part of the territory earlier, while the code lived on: it is no heir.

with recursive lives as (

    select
        area_code,
        start_year,
        end_year,
        list_filter(
            string_split(coalesce(successor_codes, ''), ';'), lambda code: code <> '' and not contains(code, '[')
        ) as heirs,
        lead(start_year) over (partition by area_code order by start_year) as next_start_year
    from {{ ref('int_area_change__unioned') }}

),

asked as (

    select distinct
        rpad(left(area_code, 6), 6, '0') as area_code,
        year(coalesce(try_cast(edition as date), try_cast(edition || '-01-01' as date))) as as_of_year
    from {{ ref('int_area__unioned') }}

),

steps as (

    select
        asked.area_code,
        asked.as_of_year,
        asked.area_code as code,
        lives.start_year,
        lives.end_year,
        lives.heirs,
        0 as step
    from asked
    left join lives
        on lives.area_code = asked.area_code
        and {{ lived_in('lives', 'asked.as_of_year') }}

    union all

    select
        steps.area_code,
        steps.as_of_year,
        steps.heirs[1] as code,
        lives.start_year,
        lives.end_year,
        lives.heirs,
        steps.step + 1 as step
    from steps
    left join lives
        on lives.area_code = steps.heirs[1]
        and {{ lived_in('lives', 'steps.end_year') }}
    where
        steps.end_year is not null
        and len(steps.heirs) = 1
        and steps.step < 30

)

select
    area_code,
    as_of_year,
    start_year is not null or step > 0 as is_known,
    case when end_year is null and (start_year is not null or step > 0) then code end as current_code,
    case when end_year is not null then heirs else [] end as ambiguous_codes
from steps
qualify row_number() over (partition by area_code, as_of_year order by step desc) = 1
