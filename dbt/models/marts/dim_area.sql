-- Grain: area code × edition.

with areas as (

    select
        edition,
        area_code,
        area_name,
        area_level,
        parent_code,
        coalesce(try_cast(edition as date), try_cast(edition || '-01-01' as date)) as valid_from,
        rpad(area_code, 12, '0') as area_code_12,
        case when length(area_code) >= 6 then left(area_code, 6) end as district_code
    from {{ ref('int_area__unioned') }}
    -- Two districts may keep the same register: one row stays, the same one in every build.
    qualify row_number() over (partition by edition, area_code order by district, dataset, area_name) = 1

),

editions as (

    select
        valid_from,
        lead(valid_from) over (order by valid_from) as valid_to
    from (select distinct valid_from from areas)

),

present as (

    select areas.area_code
    from areas
    inner join editions on areas.valid_from = editions.valid_from
    where editions.valid_to is null

),

succeeded as (

    select * from {{ ref('int_area__succeeded') }}

)

select
    areas.edition,
    areas.area_code,
    areas.area_code_12,
    areas.area_name,
    areas.area_level,
    areas.parent_code,
    areas.district_code,
    case
        when areas.area_level <> 'community' then 'regular'
        when substr(areas.area_code, 10, 1) = '4' then 'similar_community'
        when substr(areas.area_code, 10, 1) = '5' then 'similar_village'
        else 'regular'
    end as area_kind,
    areas.valid_from,
    editions.valid_to,
    editions.valid_to is null as is_current,
    case
        when areas.area_level in ('street', 'community') then same.area_code
        when not coalesce(succeeded.is_known, false) then same.area_code
        when rpad(left(succeeded.current_code, length(areas.area_code)), 6, '0') = succeeded.current_code
            then left(succeeded.current_code, length(areas.area_code))
    end as current_area_code,
    case
        when areas.district_code is null then null
        when coalesce(succeeded.is_known, false) then succeeded.current_code
        else county.area_code
    end as current_district_code,
    case when areas.district_code is not null then coalesce(succeeded.ambiguous_codes, []) else [] end
        as successor_codes
from areas
inner join editions on areas.valid_from = editions.valid_from
left join present as same on areas.area_code = same.area_code
left join present as county on areas.district_code = county.area_code
left join succeeded
    on rpad(left(areas.area_code, 6), 6, '0') = succeeded.area_code
    and year(areas.valid_from) = succeeded.as_of_year
