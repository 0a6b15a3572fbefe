-- Days sum to months and years, and each event is measured, missing or impossible, met only when measured.

with summed as (

    select
        clock,
        step,
        district,
        dataset,
        {{ year_of('period_start') }} as year,
        period,
        sum(n) as n,
        sum(measured) as measured,
        sum(met) as met,
        sum(missing) as missing,
        sum(impossible) as impossible
    from {{ ref('mart_event_clock') }}
    group by clock, step, district, dataset, {{ year_of('period_start') }}, period

)

select parts.*
from summed as parts
inner join summed as years
    on parts.clock = years.clock
    and parts.step = years.step
    and parts.district = years.district
    and parts.dataset = years.dataset
    and parts.year = years.year
    and years.period = 'year'
where
    parts.n <> years.n
    or parts.measured <> years.measured
    or parts.met <> years.met
    or parts.missing <> years.missing
    or parts.impossible <> years.impossible
    or parts.n <> parts.measured + parts.missing + parts.impossible
    or parts.met > parts.measured
