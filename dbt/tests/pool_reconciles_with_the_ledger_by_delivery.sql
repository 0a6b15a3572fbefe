-- To the row: what the lake holds of a delivery is what the ledger says was loaded and not taken back.
-- depends_on: {{ ref('mart_pool_size') }}

with counted as (

    select delivery, sum(records) as records
    from {{ ref('int_pool__counted') }}
    group by delivery

),

told as (

    select delivery, sum(loaded) as loaded
    from {{ source('lake', 'ledger') }}
    group by delivery

)

select
    coalesce(counted.delivery, told.delivery) as delivery,
    coalesce(counted.records, 0) as records,
    coalesce(told.loaded, 0) as ledger_loaded
from counted
full outer join told on counted.delivery = told.delivery
where coalesce(counted.records, 0) <> coalesce(told.loaded, 0)
