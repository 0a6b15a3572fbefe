-- Each subject has one colour.

select district, dataset, kind, area_code, subjects, green, yellow, red
from {{ ref('mart_freshness') }}
where
    subjects <> green + yellow + red
    or abs(share_green + share_yellow + share_red - 1) > 1e-9
