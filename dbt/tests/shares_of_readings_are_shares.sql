-- No sensor gives more than it promises, nor less than nothing.

select district, dataset, sensor_id, expected, came
from {{ ref('mart_sensor_completeness') }}
where came < 0 or came > expected

union all

select district, dataset, sensor_id, expected, came
from {{ ref('mart_noise_exceedance') }}
where came < 0 or came > expected
