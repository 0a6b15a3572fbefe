-- At any day an area class has one limit by day and one by night.

select earlier.zone_class, earlier.period, later.valid_from
from {{ ref('noise_limits') }} as earlier
inner join {{ ref('noise_limits') }} as later
    on earlier.zone_class = later.zone_class
    and earlier.period = later.period
    and earlier.valid_from <= later.valid_from
    and (earlier.standard <> later.standard or earlier.valid_from < later.valid_from)
where earlier.valid_to is null or earlier.valid_to > later.valid_from
