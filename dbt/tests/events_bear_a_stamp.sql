{{ config(severity='warn') }}
-- An event without any stamp belongs to no day, and is in no row of mart_event_clock.

select district, dataset, event_id
from {{ ref('int_event__settled') }}
where
    coalesce(status, '') <> 'cancelled'
    and coalesce(reported_at, signed_at, dispatched_at, arrived_at, solved_at, verified_at) is null
