{# By how many degrees GCJ-02 lies east (axis longitude) or north (axis latitude) of a point in WGS 84.

   The formulas are those that became public with several free implementations (eviltransform, coordTransform,
   PRCoords): polynomials and sines of the distance from 105° E, 35° N, in metres, on the Krasovsky 1940 ellipsoid
   (a = 6,378,245 m, e² = 0.00669342162296594). Outside mainland China's box (72.004 to 137.8347° E, 0.8293 to
   55.8271° N) the two systems are one: the shift is 0 there, and nothing outside is ever moved. #}
{% macro gcj02_shift(axis, longitude, latitude) -%}
{%- set x = '(' ~ longitude ~ ' - 105.0)' -%}
{%- set y = '(' ~ latitude ~ ' - 35.0)' -%}
{%- set slope = '(1.0 - 0.00669342162296594 * power(sin(radians(' ~ latitude ~ ')), 2))' -%}
case
    when {{ longitude }} between 72.004 and 137.8347 and {{ latitude }} between 0.8293 and 55.8271 then
    {%- if axis == 'longitude' %}
        (
            300.0 + {{ x }} + 2.0 * {{ y }} + 0.1 * {{ x }} * {{ x }} + 0.1 * {{ x }} * {{ y }}
            + 0.1 * sqrt(abs({{ x }}))
            + (20.0 * sin(6.0 * pi() * {{ x }}) + 20.0 * sin(2.0 * pi() * {{ x }})) * 2.0 / 3.0
            + (20.0 * sin(pi() * {{ x }}) + 40.0 * sin(pi() * {{ x }} / 3.0)) * 2.0 / 3.0
            + (150.0 * sin(pi() * {{ x }} / 12.0) + 300.0 * sin(pi() * {{ x }} / 30.0)) * 2.0 / 3.0
        ) / radians(6378245.0 / sqrt({{ slope }}) * cos(radians({{ latitude }})))
    {%- else %}
        (
            -100.0 + 2.0 * {{ x }} + 3.0 * {{ y }} + 0.2 * {{ y }} * {{ y }} + 0.1 * {{ x }} * {{ y }}
            + 0.2 * sqrt(abs({{ x }}))
            + (20.0 * sin(6.0 * pi() * {{ x }}) + 20.0 * sin(2.0 * pi() * {{ x }})) * 2.0 / 3.0
            + (20.0 * sin(pi() * {{ y }}) + 40.0 * sin(pi() * {{ y }} / 3.0)) * 2.0 / 3.0
            + (160.0 * sin(pi() * {{ y }} / 12.0) + 320.0 * sin(pi() * {{ y }} / 30.0)) * 2.0 / 3.0
        ) / radians(6378245.0 * (1.0 - 0.00669342162296594) / ({{ slope }} * sqrt({{ slope }})))
    {%- endif %}
    else 0.0
end
{%- endmacro %}
