{{ config(warn_if='> 0', error_if='> 0.01', fail_calc='coalesce(max(share), 0)') }}
-- An area's parent is in the same edition. A register of one district need not hold the levels above it, so a
-- parent is missed only where the edition lists others of its level below the same grandparent. One quarantined
-- row of a register is worth a warning; above one in a hundred of a level the mapping is wrong.

with areas as (

    select
        edition,
        area_code,
        area_level,
        parent_code,
        left(parent_code, case length(parent_code) when 9 then 6 when 6 then 4 when 4 then 2 else 0 end) as grandparent_code
    from {{ ref('dim_area') }}

),

siblings as (

    select distinct
        edition,
        length(area_code) as digits,
        left(area_code, case length(area_code) when 9 then 6 when 6 then 4 when 4 then 2 else 0 end) as grandparent_code
    from areas

),

looked_up as (

    select
        areas.edition,
        areas.area_level,
        parents.area_code is null as is_missed
    from areas
    inner join siblings
        on areas.edition = siblings.edition
        and length(areas.parent_code) = siblings.digits
        and areas.grandparent_code = siblings.grandparent_code
    left join areas as parents
        on areas.edition = parents.edition
        and areas.parent_code = parents.area_code
    where areas.area_level <> 'province'

)

select
    edition,
    area_level,
    count(*) filter (where is_missed) as missed,
    count(*) filter (where is_missed) / count(*) as share
from looked_up
group by edition, area_level
having count(*) filter (where is_missed) > 0
