{# What the engines spell in different ways. DuckDB is the one that is tested; Spark is written down beside it. #}

{# Seconds from one instant to another, with fractions. #}
{% macro seconds_between(start, end) %}{{ return(adapter.dispatch('seconds_between')(start, end)) }}{% endmacro %}
{% macro default__seconds_between(start, end) -%} (epoch({{ end }}) - epoch({{ start }})) {%- endmacro %}
{% macro spark__seconds_between(start, end) -%} (cast({{ end }} as double) - cast({{ start }} as double)) {%- endmacro %}

{# Seconds of an instant since 1970 in UTC. #}
{% macro epoch_seconds(instant) %}{{ return(adapter.dispatch('epoch_seconds')(instant)) }}{% endmacro %}
{% macro default__epoch_seconds(instant) -%} epoch({{ instant }}) {%- endmacro %}
{% macro spark__epoch_seconds(instant) -%} cast({{ instant }} as double) {%- endmacro %}

{# An instant some seconds later. #}
{% macro later(instant, seconds) %}{{ return(adapter.dispatch('later')(instant, seconds)) }}{% endmacro %}
{% macro default__later(instant, seconds) -%} ({{ instant }} + to_seconds({{ seconds }})) {%- endmacro %}
{% macro spark__later(instant, seconds) -%} timestampadd(second, {{ seconds }}, {{ instant }}) {%- endmacro %}

{# The wall clock's time in a zone, without offset. #}
{% macro local_time(instant, zone) %}{{ return(adapter.dispatch('local_time')(instant, zone)) }}{% endmacro %}
{% macro default__local_time(instant, zone) -%} timezone({{ zone }}, {{ instant }}) {%- endmacro %}
{% macro spark__local_time(instant, zone) -%} from_utc_timestamp({{ instant }}, {{ zone }}) {%- endmacro %}

{# The instant of a wall clock's time in a zone. #}
{% macro instant_of(local, zone) %}{{ return(adapter.dispatch('instant_of')(local, zone)) }}{% endmacro %}
{% macro default__instant_of(local, zone) -%} timezone({{ zone }}, cast({{ local }} as timestamp)) {%- endmacro %}
{% macro spark__instant_of(local, zone) -%} to_utc_timestamp({{ local }}, {{ zone }}) {%- endmacro %}

{# A time of day on a date, `hours` after midnight, as a wall clock's time. #}
{% macro at_hour(day, hours) %}{{ return(adapter.dispatch('at_hour')(day, hours)) }}{% endmacro %}
{% macro default__at_hour(day, hours) -%} (cast({{ day }} as timestamp) + to_hours({{ hours }})) {%- endmacro %}
{% macro spark__at_hour(day, hours) -%} timestampadd(hour, {{ hours }}, cast({{ day }} as timestamp)) {%- endmacro %}

{# The same day of the month some months later; the month's last day where it has no such day: 31 August and six
   months is 28 or 29 February. #}
{% macro months_later(day, months) %}{{ return(adapter.dispatch('months_later')(day, months)) }}{% endmacro %}
{% macro default__months_later(day, months) -%} cast({{ day }} + to_months({{ months }}) as date) {%- endmacro %}
{% macro spark__months_later(day, months) -%} add_months({{ day }}, {{ months }}) {%- endmacro %}

{# The quantile of a column, interpolated; missing values take no part. #}
{% macro quantile(column, share) %}{{ return(adapter.dispatch('quantile')(column, share)) }}{% endmacro %}
{% macro default__quantile(column, share) -%} quantile_cont({{ column }}, {{ share }}) {%- endmacro %}
{% macro spark__quantile(column, share) -%} percentile({{ column }}, {{ share }}) {%- endmacro %}

{# One row a day from one date to another, both included; a column of a select list. #}
{% macro each_day(first, last) %}{{ return(adapter.dispatch('each_day')(first, last)) }}{% endmacro %}
{% macro default__each_day(first, last) -%}
cast(unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 day)) as date)
{%- endmacro %}
{% macro spark__each_day(first, last) -%} explode(sequence({{ first }}, {{ last }}, interval 1 day)) {%- endmacro %}

{# The first day of each month from that of one date to that of another; a column of a select list. #}
{% macro each_month(first, last) %}{{ return(adapter.dispatch('each_month')(first, last)) }}{% endmacro %}
{% macro default__each_month(first, last) -%}
cast(unnest(generate_series(
    date_trunc('month', cast({{ first }} as timestamp)), cast({{ last }} as timestamp), interval 1 month
)) as date)
{%- endmacro %}
{% macro spark__each_month(first, last) -%}
explode(sequence(trunc({{ first }}, 'month'), {{ last }}, interval 1 month))
{%- endmacro %}

{# A number of days after a date. #}
{% macro days_later(day, days) %}{{ return(adapter.dispatch('days_later')(day, days)) }}{% endmacro %}
{% macro default__days_later(day, days) -%} ({{ day }} + {{ days }}) {%- endmacro %}
{% macro spark__days_later(day, days) -%} date_add({{ day }}, {{ days }}) {%- endmacro %}

{# The first day of the month of a date. #}
{% macro month_of(day) -%} cast(date_trunc('month', {{ day }}) as date) {%- endmacro %}
{# The first day of the year of a date. #}
{% macro year_of(day) -%} cast(date_trunc('year', {{ day }}) as date) {%- endmacro %}
