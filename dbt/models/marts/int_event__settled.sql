-- Grain: one event of one dataset. A dataset that keeps every row it was sent may repeat an id: the newest partition
-- wins, then the latest stamp, then the delivery by name, so that every build keeps the same row.

select
    *,
    count(*) over (partition by district, dataset, event_id) as copies
from {{ ref('int_event__unioned') }}
qualify row_number() over (
    partition by district, dataset, event_id
    order by
        _partition desc,
        coalesce(verified_at, solved_at, arrived_at, dispatched_at, signed_at, reported_at) desc nulls last,
        _delivery desc,
        status,
        reported_at,
        category
) = 1
