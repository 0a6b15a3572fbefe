{# Whether a life of a code covers a year. The year of its end belongs to the next life of the code, if there is one. #}
{% macro lived_in(life, year) -%}
    {{ life }}.start_year <= {{ year }}
    and (
        {{ life }}.end_year is null
        or {{ year }} < {{ life }}.end_year
        or (
            {{ year }} = {{ life }}.end_year
            and coalesce({{ life }}.next_start_year > {{ life }}.end_year, true)
        )
    )
{%- endmacro %}
