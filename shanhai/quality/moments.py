"""Dates, timestamps and times: SQL that reads the contract's formats, or ISO 8601 when it states none."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from shanhai.contracts.sql import quote_literal
from shanhai.quality.zones import to_instant

_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_CLOCK = "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_ISO_DATE = f"{_DAY}([T ]00:00(:00)?)?"
_ISO_LOCAL = f"{_DAY}([T ]{_CLOCK})?"
_ISO_OFFSET = f"{_DAY}[T ]{_CLOCK} ?{_OFFSET}"
_HAS_OFFSET = "%z"


def date_value(text: str, formats: tuple[str, ...]) -> str:
    """SQL of type DATE; years 1000 to 9999 only, so that '24-1-5' is not the year 24.

    Without formats: `2024-01-05` or `2024-1-5`, also followed by midnight, which loses nothing.
    """
    value = f"CAST({_parsed(text, formats)} AS DATE)" if formats else _cast_when(text, _ISO_DATE, "DATE")
    return f"(CASE WHEN {value} BETWEEN DATE '1000-01-01' AND DATE '9999-12-31' THEN {value} END)"


def timestamp_value(text: str, formats: tuple[str, ...], zone: str) -> str:
    """SQL of type TIMESTAMPTZ; a text without offset is a wall clock in `zone`.

    Without formats: ISO 8601 with `T` or a blank, seconds and fractions optional (kept to the
    microsecond), `Z` or an offset up to ±14:59 optional. An offset in the text wins over `zone`.
    """
    if formats:
        runs = itertools.groupby(formats, key=lambda text_format: _HAS_OFFSET in text_format)
        parts = [
            _parsed_offset(text, run) if offset else to_instant(_parsed(text, run), zone)
            for offset, run in ((offset, tuple(run)) for offset, run in runs)
        ]
        value = parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"
    else:
        local = to_instant(_cast_when(text, _ISO_LOCAL, "TIMESTAMP"), zone)
        value = f"coalesce({local}, {_cast_when(text, _ISO_OFFSET, 'TIMESTAMPTZ')})"
    first, last = "TIMESTAMPTZ '1000-01-02 00:00:00+00'", "TIMESTAMPTZ '9999-12-30 00:00:00+00'"
    return f"(CASE WHEN {value} BETWEEN {first} AND {last} THEN {value} END)"


def time_value(text: str, formats: tuple[str, ...]) -> str:
    """SQL of type TIME; without formats `08:30`, `08:30:15` or `08:30:15.123456`; never 24:00."""
    if formats:
        return f"CAST({_parsed(text, formats)} AS TIME)"
    value = _cast_when(text, "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?", "TIME")
    return f"(CASE WHEN {value} < TIME '24:00:00' THEN {value} END)"


def _cast_when(text: str, shape: str, sql_type: str) -> str:
    # The casts alone take 'epoch', 'infinity', '2024-01-05 (BC)' and zone names.
    shaped = f"regexp_full_match({text}, {quote_literal(shape)})"
    return f"(CASE WHEN {shaped} THEN TRY_CAST({text} AS {sql_type}) END)"


def _parsed(text: str, formats: Iterable[str]) -> str:
    listed = ", ".join(quote_literal(text_format) for text_format in formats)
    value = f"try_strptime({text}, [{listed}])"
    # try_strptime takes 'epoch' and 'infinity' in any format and answers 1900-01-01.
    special = f"{value} = TIMESTAMP '1900-01-01' AND NOT regexp_matches({text}, '[0-9]')"
    return f"(CASE WHEN {special} THEN NULL ELSE {value} END)"


def _parsed_offset(text: str, formats: Iterable[str]) -> str:
    listed = ", ".join(quote_literal(text_format) for text_format in formats)
    spelled = f"regexp_replace({text}, 'Z$', '+00:00')"
    value = f"try_strptime({spelled}, [{listed}])"
    # %z alone takes an offset of 99 hours.
    return f"(CASE WHEN regexp_matches({spelled}, '[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?$') THEN {value} END)"
