-- Grain: one kind of subject of one dataset, and the area it is in.
-- Green: updated within six calendar months before the as-of date, the last day included; yellow: longer ago;
-- red: never.

with newest as (

    select *
    from {{ ref('int_subject__unioned') }}
    qualify row_number() over (
        partition by district, dataset, kind, subject_id
        order by _partition desc, updated_date desc nulls last, _delivery desc
    ) = 1

),

dated as (

    select
        *,
        {% if var('freshness_as_of') is not none -%}
        cast('{{ var("freshness_as_of") }}' as date)
        {%- else -%}
        max(updated_date) over (partition by district, dataset)
        {%- endif %} as as_of_date
    from newest

),

coloured as (

    select
        *,
        case
            when updated_date is null then 'red'
            when {{ months_later('updated_date', var('fresh_months')) }} >= as_of_date then 'green'
            else 'yellow'
        end as colour
    from dated

)

select
    district,
    dataset,
    kind,
    area_code,
    max(as_of_date) as as_of_date,
    count(*) as subjects,
    count(case when colour = 'green' then 1 end) as green,
    count(case when colour = 'yellow' then 1 end) as yellow,
    count(case when colour = 'red' then 1 end) as red,
    count(case when colour = 'green' then 1 end) / cast(count(*) as double) as share_green,
    count(case when colour = 'yellow' then 1 end) / cast(count(*) as double) as share_yellow,
    count(case when colour = 'red' then 1 end) / cast(count(*) as double) as share_red,
    max(updated_date) as newest_update_date
from coloured
group by district, dataset, kind, area_code
