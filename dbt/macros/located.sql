{# Rows of a relation with their coordinates in WGS 84 or CGCS2000, converted once: value and system change together.

   relation: has `longitude`, `latitude` (degrees) and `crs`. columns: the names of all its columns, those three too.
   GCJ02 and BD09 become WGS84; WGS84 and CGCS2000, which differ by centimetres, stay as they are. So what has been
   converted is not converted again: `located(located(x))` equals `located(x)`. Half a coordinate is none, and without
   coordinates there is no system: all three are then missing.

   GCJ-02 has no inverse in closed form. One step of `lon ← given - shift(lon, lat)` leaves less than 1/100 of the
   error, which begins at some 700 m: three steps leave less than a millimetre. Each step is a query of its own,
   because one expression would name the one before it dozens of times. #}
{% macro located(relation, columns) -%}
{%- set steps = 3 -%}
{%- set others = columns | reject('in', ['longitude', 'latitude', 'crs']) | list -%}
select
{%- for name in columns %}
    {% if name in ('longitude', 'latitude') -%}
    case when crs in ('GCJ02', 'BD09') then _{{ name }} else {{ name }} end as {{ name }}
    {%- elif name == 'crs' -%}
    case when crs in ('GCJ02', 'BD09') then 'WGS84' else crs end as crs
    {%- else -%}
    {{ adapter.quote(name) }}
    {%- endif -%}
    {{ ',' if not loop.last }}
{%- endfor %}
from {{ _gcj02_solved(_bd09_undone(_whole(relation, others), others), others, steps) }} as located
{%- endmacro %}

{# The relation, with coordinates and their system missing together. #}
{% macro _whole(relation, others) -%}
(
    select
        {{ _listed(others) }}
        case when latitude is not null and crs is not null then longitude end as longitude,
        case when longitude is not null and crs is not null then latitude end as latitude,
        case when longitude is not null and latitude is not null then crs end as crs
    from {{ relation }}
)
{%- endmacro %}

{# Adds `_given_longitude` and `_given_latitude`: the coordinates in GCJ-02, where `crs` is GCJ02 or BD09. #}
{% macro _bd09_undone(relation, others) -%}
(
    select
        {{ _listed(others) }}
        longitude, latitude, crs,
        case crs
            when 'GCJ02' then longitude
            when 'BD09' then {{ bd09_to_gcj02_longitude('longitude', 'latitude') }}
        end as _given_longitude,
        case crs
            when 'GCJ02' then latitude
            when 'BD09' then {{ bd09_to_gcj02_latitude('longitude', 'latitude') }}
        end as _given_latitude
    from {{ relation }} as whole
)
{%- endmacro %}

{# Adds `_longitude` and `_latitude`: what the given GCJ-02 coordinates are in WGS 84. #}
{% macro _gcj02_solved(relation, others, steps) -%}
{%- set before = ['_given_longitude', '_given_latitude'] if steps == 1 else ['_longitude', '_latitude'] -%}
(
    select
        {{ _listed(others) }}
        longitude, latitude, crs, _given_longitude, _given_latitude,
        _given_longitude - {{ gcj02_shift('longitude', before[0], before[1]) }} as _longitude,
        _given_latitude - {{ gcj02_shift('latitude', before[0], before[1]) }} as _latitude
    from {{ relation if steps == 1 else _gcj02_solved(relation, others, steps - 1) }} as step_{{ steps }}
)
{%- endmacro %}

{% macro _listed(names) -%}
{%- for name in names %}{{ adapter.quote(name) }}, {% endfor -%}
{%- endmacro %}
