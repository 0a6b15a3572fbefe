{# How many digits of a code tell the area: 2, 4, 6, 9 or 12, of a grid 15. One padded to twelve says so by its zeros. #}
{% macro area_digits(code) -%}
case
    when length({{ code }}) <> 12 then length({{ code }})
    when {{ code }} like '%0000000000' then 2
    when {{ code }} like '%00000000' then 4
    when {{ code }} like '%000000' then 6
    when {{ code }} like '%000' then 9
    else 12
end
{%- endmacro %}

{# The code of the area that an area belongs to, one level up. #}
{% macro parent_area(code) -%}
left({{ code }}, case {{ area_digits(code) }} when 15 then 12 when 12 then 9 when 9 then 6 when 6 then 4 else 2 end)
{%- endmacro %}
