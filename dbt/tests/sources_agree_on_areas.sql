{{ config(severity='warn') }}
-- Two districts that list the same code of the same edition mean the same area.

select edition, area_code
from {{ ref('int_area__unioned') }}
group by edition, area_code
having count(distinct coalesce(area_name, '') || '/' || area_level || '/' || coalesce(parent_code, '')) > 1
