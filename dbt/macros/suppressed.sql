{# A count of people as it may be published: a small one, 1 to k - 1, is missing. Nobody is nobody: 0 stays.
   `k` is the variable `smallest_cell`. That nothing else tells the small one is up to the model: see mart_headcount. #}
{% macro suppressed(count) -%}
case when not {{ is_small(count) }} then {{ count }} end
{%- endmacro %}

{# Whether a count of people is too small to be published. #}
{% macro is_small(count) -%}
({{ count }} between 1 and {{ var('smallest_cell') - 1 }})
{%- endmacro %}
