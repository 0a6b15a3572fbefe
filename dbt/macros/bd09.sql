{# GCJ-02 coordinates of a point in BD-09, by the public closed form: BD-09 moves a point by 0.0065° and 0.006°, and
   turns and stretches it a little, by an angle and a length that themselves depend on the point. They are taken at
   the moved point, which is less than 40 m away: the error stays below a metre. Source: as of gcj02_shift. #}
{% macro bd09_to_gcj02_longitude(longitude, latitude) -%}
{{ _bd09_radius(longitude, latitude) }} * cos({{ _bd09_angle(longitude, latitude) }})
{%- endmacro %}

{% macro bd09_to_gcj02_latitude(longitude, latitude) -%}
{{ _bd09_radius(longitude, latitude) }} * sin({{ _bd09_angle(longitude, latitude) }})
{%- endmacro %}

{% macro _bd09_radius(longitude, latitude) -%}
(
    sqrt(power({{ longitude }} - 0.0065, 2) + power({{ latitude }} - 0.006, 2))
    - 0.00002 * sin(({{ latitude }} - 0.006) * pi() * 3000.0 / 180.0)
)
{%- endmacro %}

{% macro _bd09_angle(longitude, latitude) -%}
(
    atan2({{ latitude }} - 0.006, {{ longitude }} - 0.0065)
    - 0.000003 * cos(({{ longitude }} - 0.0065) * pi() * 3000.0 / 180.0)
)
{%- endmacro %}
