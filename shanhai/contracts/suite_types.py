"""What each type looks like, written for the suite alone: the gate's second opinion on `shanhai.quality`.

Nothing here may call the SQL that staging uses. Where staging matches a shape and casts, this casts and
looks for what is foreign; where staging parses by a format, this takes the text apart and casts the parts.
"""

from __future__ import annotations

import re

from shanhai.contracts.model import Column
from shanhai.contracts.sql import quote_literal

_YEARS = {"DATE": ("1000-01-01", "9999-12-31"), "TIMESTAMP": ("1000-01-01", "9998-12-31 23:59:59.999999")}
_INSTANTS = ("1000-01-02 00:00:00+00", "9998-12-30 00:00:00+00")
_ISO_TIMESTAMP = (
    "[1-9][0-9]{3}(-[0-9]{1,2}){2}([T ]([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
    "( ?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?"
)
_USUAL_TIMESTAMP = "[1-8][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9] [01][0-9]:[0-5][0-9]:[0-5][0-9]"
_DIRECTIVE = re.compile(r"%-?([A-Za-z%])|(\s+)|(.)", re.DOTALL)
_ADJACENT = re.compile(r"%-?[YmdHMSyIj]%-?[YmdHMSyIjf]")
_PARTS = {"Y": "4", "m": "1,2", "d": "1,2", "H": "1,2", "M": "1,2", "S": "1,2", "f": "1,6"}
_MISSING = {"Y": "1900", "m": "1", "d": "1", "H": "0", "M": "0", "S": "0"}


def type_condition(column: Column, text: str) -> str:
    """SQL that is true when the cleaned text is of the column's type; may be NULL when it is not.

    Strings and booleans have no such condition: any text is a string, booleans are a closed list.
    """
    match column.type:
        case "integer":
            return f"TRY_CAST({text} AS BIGINT) IS NOT NULL AND NOT regexp_matches({text}, '[^0-9+-]')"
        case "number":
            return _number(column, text)
        case "date":
            return _any_format(column, text, "DATE") if column.formats else _iso_date(text)
        case "timestamp":
            return _any_format(column, text, "TIMESTAMP") if column.formats else _iso_timestamp(text)
        case "time":
            return _any_format(column, text, "TIME") if column.formats else _iso_time(text)
        case other:
            raise ValueError(f"type {other} has no condition")


def _number(column: Column, text: str) -> str:
    if column.precision is None:
        shape = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
        limit = "1.7976931348623157e308"
        return f"regexp_full_match({text}, '{shape}') AND abs(TRY_CAST({text} AS DOUBLE)) <= {limit}"
    digits, decimals = column.precision
    foreign = f"[^0-9.+-]|[.][0-9]{{{decimals}}}[0-9]*[1-9]"
    cast = f"TRY_CAST({text} AS DECIMAL({digits}, {decimals}))"
    return f"{cast} IS NOT NULL AND NOT regexp_matches({text}, '{foreign}')"


def _iso_date(text: str) -> str:
    midnights = ("", "T00:00", " 00:00", "T00:00:00", " 00:00:00")
    formats = ", ".join(quote_literal(f"%Y-%m-%d{midnight}") for midnight in midnights)
    shape = "[1-9][0-9]{3}-[0-9]+-[0-9]+([ T]0[0:]+0)?"
    return f"regexp_full_match({text}, '{shape}') AND try_strptime({text}, [{formats}]) IS NOT NULL"


def _iso_timestamp(text: str) -> str:
    value = f"TRY_CAST({text} AS TIMESTAMP)"
    # Most are of this shape, which costs half as much to match, and tells all but whether the day exists.
    shape = f"{text} GLOB '{_USUAL_TIMESTAMP}'"
    any_shape = f"regexp_full_match({text}, '{_ISO_TIMESTAMP}') AND year({value}) BETWEEN 1000 AND 9998"
    return f"CASE WHEN {shape} THEN {value} IS NOT NULL ELSE {any_shape} END"


def _iso_time(text: str) -> str:
    shape = "[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]|:[0-5][0-9][.][0-9]{1,9})?"
    return f"regexp_full_match({text}, '{shape}') AND hour(TRY_CAST({text} AS TIME)) < 24"


def _any_format(column: Column, text: str, sql_type: str) -> str:
    return " OR ".join(f"({_by_format(text, text_format, sql_type)})" for text_format in column.formats)


def _by_format(text: str, text_format: str, sql_type: str) -> str:
    parts = [match.groups() for match in _DIRECTIVE.finditer(text_format)]
    letters = [letter for letter, _, _ in parts if letter]
    if not set(letters) <= {*_PARTS, "z"} or len(letters) != len(set(letters)):
        return _as_parsed(text, text_format, sql_type)
    return _by_parts(text, text_format, sql_type)


def _by_parts(text: str, text_format: str, sql_type: str) -> str:
    """Match the text with one group per number, put the numbers in ISO order, cast that."""
    shape, groups = "", dict[str, str]()
    padded = _ADJACENT.search(text_format) is not None
    for letter, blank, literal in (match.groups() for match in _DIRECTIVE.finditer(text_format)):
        if letter == "z":
            shape += "(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
            groups["z"] = f"\\{len(groups) + 1}"
        elif letter:
            width = _PARTS[letter].rpartition(",")[2] if padded and letter != "f" else _PARTS[letter]
            # A cast would take the hour 24 for the next day's midnight.
            hour = "([01][0-9]|2[0-3])" if padded else "([01]?[0-9]|2[0-3])"
            shape += hour if letter == "H" else f"([0-9]{{{width}}})"
            groups[letter] = f"\\{len(groups) + 1}"
        else:
            shape += r"\s+" if blank else re.escape(literal)
    shape = quote_literal(f"^{shape}$")
    part = _MISSING | groups
    iso = f"{part['Y']}-{part['m']}-{part['d']} {part['H']}:{part['M']}:{part['S']}"
    iso += f".{groups['f']}" if "f" in groups else ""
    iso += groups.get("z", "")
    rebuilt = f"regexp_replace({text}, {shape}, {quote_literal(iso)})"
    first, last = _INSTANTS if "z" in groups else _YEARS.get(sql_type, _YEARS["TIMESTAMP"])
    moment = "TIMESTAMPTZ" if "z" in groups and sql_type == "TIMESTAMP" else "TIMESTAMP"
    within = f"BETWEEN {moment} '{first}' AND {moment} '{last}'"
    return f"regexp_matches({text}, {shape}) AND TRY_CAST({rebuilt} AS {moment}) {within}"


def _as_parsed(text: str, text_format: str, sql_type: str) -> str:
    """Names of months, half days and two-digit years are read by the engine on both sides."""
    if text_format.endswith("%z"):
        numeric = f"replace({text}, 'Z', '+00:00')"
        value = f"try_strptime({numeric}, {quote_literal(text_format)})"
        offset = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)$"
        local = quote_literal(text_format.removesuffix("%z").rstrip())
        day_exists = f"try_strptime(regexp_replace({text}, '{offset}', ''), {local}) IS NOT NULL"
        sane = f"regexp_matches({text}, '{offset}') AND {day_exists}"
        first, last = _INSTANTS
        return f"{sane} AND {value} BETWEEN TIMESTAMPTZ '{first}' AND TIMESTAMPTZ '{last}'"
    value = f"try_strptime({text}, {quote_literal(text_format)})"
    first, last = _YEARS.get(sql_type, _YEARS["TIMESTAMP"])
    return f"regexp_matches({text}, '[0-9]') AND {value} BETWEEN TIMESTAMP '{first}' AND TIMESTAMP '{last}'"
