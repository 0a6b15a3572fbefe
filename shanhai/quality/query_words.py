"""The words that a query in a contract may use: functions that see nothing but their arguments."""

from __future__ import annotations

FUNCTIONS = {
    "operators": "+ - * / // % ^ ** || ~ & | << >> ! ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape",
    "numbers": "abs ceil ceiling floor round trunc sign sqrt cbrt pow power exp ln log log10 log2 mod fmod "
    "divide greatest least gcd lcm isnan isinf isfinite pi radians degrees sin cos tan asin acos atan atan2",
    "texts": "length strlen len lower upper trim ltrim rtrim left right substr substring concat concat_ws "
    "replace reverse contains prefix suffix starts_with ends_with strpos instr position split_part "
    "regexp_matches regexp_full_match regexp_extract regexp_replace translate lpad rpad ascii unicode chr "
    "levenshtein nfc_normalize strip_accents",
    "times": "year quarter month day hour minute second week isodow dayofweek dayofyear isoyear weekofyear "
    "date_part datepart date_trunc datetrunc date_diff datediff date_sub datesub date_add last_day epoch "
    "epoch_ms epoch_us make_date make_timestamp strptime try_strptime strftime timezone to_seconds "
    "to_minutes to_hours to_days to_weeks to_months to_years",
    "choices": "ifnull nullif if typeof",
    "lists": "row struct_pack struct_extract list_value list_contains list_sum list_max list_min "
    "list_distinct list_unique list_sort list_filter list_transform array_length",
    "aggregates": "count count_star count_if countif sum avg mean min max median mad quantile quantile_cont "
    "quantile_disc stddev stddev_pop stddev_samp variance var_pop var_samp covar_pop covar_samp corr "
    "bool_and bool_or bit_and bit_or bit_xor fsum sumkahan kahan_sum product entropy skewness kurtosis "
    "regr_slope regr_intercept regr_r2 regr_count",
    "windows": "row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value "
    "last_value nth_value",
    "relations": "range generate_series unnest",
}
"""By what they are for. Deterministic, and blind to files, settings, environment, session and clock."""

TABLE_FUNCTIONS = frozenset(FUNCTIONS["relations"].split())
ALL_FUNCTIONS = frozenset(name for names in FUNCTIONS.values() for name in names.split())

_IMPLIED = (
    "current_catalog current_database current_date current_role current_schema current_time "
    "current_timestamp current_user localtime localtimestamp session_user user"
)
CLOCK_AND_SESSION = frozenset(_IMPLIED.split())
"""Names that the engine takes for a function where no column is called so."""
