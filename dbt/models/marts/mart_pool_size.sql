-- Grain: one dataset. What the lake holds beside what the ledger says was loaded.

with counted as (

    select district, dataset, sum(records) as records, count(*) as deliveries
    from {{ ref('int_pool__counted') }}
    group by district, dataset

),

told as (

    select district, dataset, sum(loaded) as loaded
    from {{ source('lake', 'ledger') }}
    group by district, dataset

)

select
    registered.level,
    registered.district,
    registered.dataset,
    cast(coalesce(counted.records, 0) as bigint) as records,
    cast(coalesce(counted.deliveries, 0) as bigint) as deliveries,
    cast(coalesce(told.loaded, 0) as bigint) as ledger_loaded,
    cast(coalesce(counted.records, 0) - coalesce(told.loaded, 0) as bigint) as difference
from {{ ref('int_pool__registered') }} as registered
left join counted
    on registered.district = counted.district and registered.dataset = counted.dataset
left join told
    on registered.district = told.district and registered.dataset = told.dataset
