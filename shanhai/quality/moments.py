"""Dates, timestamps and times: SQL that reads the contract's formats, or ISO 8601 when it states none."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from shanhai.contracts.sql import quote_literal
from shanhai.errors import ConfigurationError
from shanhai.quality.zones import to_instant

_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_HOUR = "([01]?[0-9]|2[0-3])"
_CLOCK = f"{_HOUR}:[0-9]{{2}}(:[0-9]{{2}}([.][0-9]{{1,9}})?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_ISO_DATE = f"{_DAY}([T ]00:00(:00)?)?"
_ISO_LOCAL = f"{_DAY}([T ]{_CLOCK})?"
_ISO_OFFSET = f"{_DAY}[T ]{_CLOCK} ?{_OFFSET}"
_OFFSET_AT_END = "%z"
_DIRECTIVES = {"date": frozenset("YymdbBaAjHIMSfp%"), "time": frozenset("HIMSfp%")}
_DIRECTIVES["timestamp"] = _DIRECTIVES["date"] | {"z"}
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "y": 2, "I": 2, "j": 3}
_TOKEN = re.compile(r"%-?.|\s+|[^%\s]")
_RUN_TOGETHER = re.compile(r"%-?[YmdHMSyIj]%-?[YmdHMSyIjf]")


def date_value(text: str, formats: tuple[str, ...]) -> str:
    """SQL of type DATE; years 1000 to 9999 only, so that '24-1-5' is not the year 24.

    Without formats: `2024-01-05` or `2024-1-5`, also followed by midnight, which loses nothing.
    """
    _check_formats("date", formats)
    value = f"CAST({_parsed(text, formats)} AS DATE)" if formats else _cast_when(text, _ISO_DATE, "DATE")
    return f"(CASE WHEN {value} BETWEEN DATE '1000-01-01' AND DATE '9999-12-31' THEN {value} END)"


def timestamp_value(text: str, formats: tuple[str, ...], zone: str, *, cast: str) -> str:
    """SQL of type TIMESTAMPTZ; a text without offset is a wall clock in `zone`.

    Without formats: ISO 8601 with `T` or a blank, seconds and fractions optional (kept to the
    microsecond), `Z` or an offset up to ±14:59 optional. An offset in the text wins over `zone`.
    Years 1000 to 9998 only.

    Args:
        cast: SQL of `text` cast to TIMESTAMP, for a column without formats.
    """
    if formats:
        _check_formats("timestamp", formats)
        runs = itertools.groupby(formats, key=lambda text_format: text_format.endswith(_OFFSET_AT_END))
        parts = [
            _parsed_offset(text, run) if offset else to_instant(_within(_parsed(text, run)), zone)
            for offset, run in ((offset, tuple(run)) for offset, run in runs)
        ]
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"
    # Both shapes begin with four digits, so the text tells the year of the wall clock.
    local = to_instant(cast, zone, dated=text)
    # Nearly every timestamp is written as its value is; of 19 characters it has no fifth digit of a year.
    usual = f"strlen({text}) = 19 AND CAST({cast} AS VARCHAR) = {text}"
    shapes = f"""CASE WHEN {usual} THEN {local}
        WHEN {_is_shaped(text, _ISO_LOCAL)} THEN {local}
        WHEN {_is_shaped(text, _ISO_OFFSET)} THEN TRY_CAST({text} AS TIMESTAMPTZ) END"""
    return f"(CASE WHEN {text} >= '1000' AND {text} < '9999' THEN {shapes} END)"


def time_value(text: str, formats: tuple[str, ...]) -> str:
    """SQL of type TIME; without formats `08:30`, `08:30:15` or `08:30:15.123`; never 24:00."""
    _check_formats("time", formats)
    if formats:
        return f"CAST({_parsed(text, formats)} AS TIME)"
    return _cast_when(text, _CLOCK, "TIME")


def _check_formats(kind: str, formats: Sequence[str]) -> None:
    """Refuse a format that would read something else than it says, or that not everyone can parse."""
    for text_format in formats:
        found = {token[-1] for token in _TOKEN.findall(text_format) if token.startswith("%")}
        dated = found & set("Yy") and (("d" in found and found & set("mbB")) or "j" in found)
        offset_inside = _OFFSET_AT_END in text_format.removesuffix(_OFFSET_AT_END)
        if not found <= _DIRECTIVES[kind] or offset_inside or (kind != "time" and not dated):
            raise ConfigurationError(
                f"not a format of a {kind}",
                given=text_format,
                allowed=[f"%{letter}" for letter in sorted(_DIRECTIVES[kind])],
                hint="a date needs its year, month and day; %z stands at the end",
            )


def _within(moment: str) -> str:
    years = "TIMESTAMP '1000-01-01' AND TIMESTAMP '9998-12-31 23:59:59.999999'"
    return f"(CASE WHEN {moment} BETWEEN {years} THEN {moment} END)"


def _cast_when(text: str, shape: str, sql_type: str) -> str:
    return f"(CASE WHEN {_is_shaped(text, shape)} THEN TRY_CAST({text} AS {sql_type}) END)"


def _is_shaped(text: str, shape: str) -> str:
    # Casts alone take 'epoch', 'infinity', '2024-01-05 (BC)' and names of zones.
    return f"regexp_full_match({text}, {quote_literal(shape)})"


def _parsed(text: str, formats: Sequence[str]) -> str:
    value = _strptime(text, formats)
    # try_strptime takes 'epoch' and 'infinity' in any format and answers 1900-01-01.
    special = f"{value} = TIMESTAMP '1900-01-01' AND NOT regexp_matches({text}, '[0-9]')"
    return f"(CASE WHEN {special} THEN NULL ELSE {value} END)"


def _parsed_offset(text: str, formats: Sequence[str]) -> str:
    spelled = f"regexp_replace({text}, 'Z$', '+00:00')"
    # With %z, try_strptime takes an offset of 99 hours, and the 31st of February as a day in March.
    offset = "[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?$"
    local = [text_format.removesuffix(_OFFSET_AT_END).rstrip() for text_format in formats]
    without = f"regexp_replace({spelled}, '{offset}', '')"
    day_exists = f"{_strptime(without, local)} IS NOT NULL"
    sane = f"regexp_matches({spelled}, '{offset}') AND {day_exists}"
    value = _strptime(spelled, formats)
    years = "TIMESTAMPTZ '1000-01-02 00:00:00+00' AND TIMESTAMPTZ '9998-12-30 00:00:00+00'"
    return f"(CASE WHEN {sane} AND {value} BETWEEN {years} THEN {value} END)"


def _strptime(text: str, formats: Sequence[str]) -> str:
    if not any(_RUN_TOGETHER.search(text_format) for text_format in formats):
        listed = ", ".join(quote_literal(text_format) for text_format in formats)
        return f"try_strptime({text}, [{listed}])"
    parts = []
    for text_format in formats:
        part = f"try_strptime({text}, {quote_literal(text_format)})"
        if _RUN_TOGETHER.search(text_format):
            part = f"CASE WHEN {_is_shaped(text, _padded(text_format))} THEN {part} END"
        parts.append(part)
    return f"coalesce({', '.join(parts)})"


def _padded(text_format: str) -> str:
    """The shape of a format that runs numbers together: only padded ones can be told apart."""
    shape = ""
    for token in _TOKEN.findall(text_format):
        if token.startswith("%"):
            width = _WIDTHS.get(token[-1])
            shape += ".+" if width is None else f"[0-9]{{{width}}}"
        else:
            shape += r"\s+" if token.isspace() else re.escape(token)
    return shape
