"""The nine column masks of Apache Iceberg: which column may have which, and each as a DuckDB expression.

Names, types and results are those of the read restrictions of the Iceberg REST catalogue
(https://github.com/apache/iceberg, open-api/rest-catalog-open-api.yaml, `ReadRestrictions`, from pull request
13879). The list is closed there and here, and a reader that does not know an action fails. Each action gives
a value of the column's own type. NULL stays NULL under all of them; Iceberg's mask-to-fixed-value alone
would fill it in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import get_args

from shanhai.contracts.model import Column, ColumnType
from shanhai.contracts.schema import duckdb_type
from shanhai.exchange.grants import MASKS
from shanhai.governance.findings import Finding
from shanhai.governance.refusals import ShapeCode, ShapeRefusedError
from shanhai.governance.words import change, sentence

ACTIONS = MASKS

SALT_PARAMETER = "salt"
"""Named parameter of the statement: the random bytes of one set. They are bound, and never in its text."""
SALT_BYTES = 32

_ALL = frozenset(get_args(ColumnType))
_TEXT = frozenset({"string"})
_DAYS = frozenset({"date", "timestamp"})
_TYPES: dict[str, frozenset[str]] = {
    "mask-alphanum": _TEXT,
    "mask-to-fixed-value": _ALL,
    "replace-with-null": _ALL,
    "show-first-4": _TEXT,
    "show-last-4": _TEXT,
    "truncate-to-year": _DAYS,
    "truncate-to-month": _DAYS,
    "sha-256-global": _TEXT,
    "sha-256-query-local": _TEXT,
}
_FIXED: dict[ColumnType, str] = {
    "string": "'XXXXXXXX'",
    "integer": "0",
    "number": "0",
    "boolean": "false",
    "date": "DATE '1970-01-01'",
    "timestamp": "TIMESTAMPTZ '1970-01-01 00:00:00+00'",
    "time": "'00:00:00'",
}
_SHORT = 8
_UNGUESSABLE = 16
_EXACT_LENGTHS = {"resident_id": 18, "social_credit_code": 18, "gb28181_id": 20}


def mask_fault(action: str, column: Column, *, key: Collection[str] = ()) -> ShapeCode | None:
    """Why a column cannot have a mask; None: it can. Decided from the contract alone, never from values.

    Args:
        key: names of the columns that tell the rows of the dataset apart.
    """
    if action not in ACTIONS:
        return "mask-unknown"
    if action.startswith("sha-256") and column.type == "integer":
        # Four of 32 bytes would be kept in an `int`, eight in a `long`: collisions, and soon reversed.
        return "mask-sha-on-integer"
    if column.type not in _TYPES[action]:
        return "mask-not-for-type"
    if action in ("show-first-4", "show-last-4") and _shortest(column) <= _SHORT:
        return "mask-short-chinese-name"
    if action == "sha-256-global" and "resident_id" in column.validators:
        return "mask-sha-on-resident-id"
    if action == "sha-256-global" and (column.name in key or _is_guessable(column)):
        return "mask-sha-on-small-domain"
    if action == "replace-with-null" and column.required:
        return "mask-null-on-required"
    return None


def check_mask(action: str, column: Column, *, key: Collection[str] = ()) -> None:
    """Refuse a mask that the column cannot have.

    Args:
        key: as of `mask_fault`.

    Raises:
        ShapeRefusedError: with the code that `mask_fault` gives.
    """
    fault = mask_fault(action, column, key=key)
    if fault is not None:
        raise ShapeRefusedError(
            fault,
            f"column {column.name} cannot be masked so",
            given=action,
            allowed=[one for one in ACTIONS if mask_fault(one, column, key=key) is None],
            hint=_why(fault, action, column),
        )


def _why(fault: ShapeCode, action: str, column: Column) -> str:
    """The code, what is wrong and what would have to change."""
    found = Finding(fault, {"given": f"{action} of {column.name}"})
    return f"{fault}: {sentence('masks', found, 'en')} {change(found, 'en')}"


def mask_expression(action: str, column: Column, value: str) -> str:
    """The masked value as SQL of DuckDB, of the column's own type.

    Args:
        value: SQL of the original value, of the type of the column.

    Raises:
        ShapeRefusedError: the column cannot have this mask.
    """
    check_mask(action, column)
    return f"CAST({_RENDERERS[action](column, value)} AS {duckdb_type(column)})"


def needs_salt(action: str) -> bool:
    """Whether the expression has the parameter `SALT_PARAMETER`."""
    return action == "sha-256-query-local"


def _shortest(column: Column) -> int:
    """The least number of characters that the contract lets a value have; a pattern is not taken apart."""
    lengths = [column.min_length or 1, *(_EXACT_LENGTHS.get(one, 1) for one in column.validators)]
    if column.codes:
        lengths.append(min(map(len, column.codes)))
    return max(lengths)


def _is_guessable(column: Column) -> bool:
    """Whether all values could be tried: the contract does not exclude it, so nobody else can.

    Of a column that is personal, important or core, nobody is to try.
    """
    shaped = column.codes or column.validators or column.pattern is not None
    return bool(shaped or not column.tells_values or _shortest(column) < _UNGUESSABLE)


def _alphanum(column: Column, value: str) -> str:
    """0 to 9 become `n`, all else but U+0028, 0029, 002C, 002E, 002D, 0040 becomes `x`, by code points."""
    letters = f"regexp_replace({value}, '[^0-9(),.@-]', 'x', 'g')"
    return f"regexp_replace({letters}, '[0-9]', 'n', 'g')"


def _fixed(column: Column, value: str) -> str:
    """One value a type: `XXXXXXXX`, which no empty text is taken for, and else zero, false, the epoch."""
    return f"CASE WHEN {value} IS NOT NULL THEN {_FIXED[column.type]} END"


def _null(column: Column, value: str) -> str:
    """No value; Iceberg wants a column that may be without one."""
    return "NULL"


def _first(column: Column, value: str) -> str:
    """Four characters stay, the rest is masked as by mask-alphanum; four or fewer stay whole."""
    return f"left({value}, 4) || {_alphanum(column, f'substr({value}, 5)')}"


def _last(column: Column, value: str) -> str:
    """As show-first-4, from the end."""
    before = f"left({value}, greatest(length({value}) - 4, 0))"
    return f"{_alphanum(column, before)} || right({value}, 4)"


def _year(column: Column, value: str) -> str:
    """The first moment of the year, of an instant in UTC."""
    return _truncated("year", column, value)


def _month(column: Column, value: str) -> str:
    """The first moment of the month, of an instant in UTC."""
    return _truncated("month", column, value)


def _truncated(part: str, column: Column, value: str) -> str:
    if column.type == "timestamp":
        return f"timezone('UTC', date_trunc('{part}', timezone('UTC', {value})))"
    return f"date_trunc('{part}', {value})"


def _global(column: Column, value: str) -> str:
    """SHA-256 of the text in UTF-8, as 64 hexadecimal digits in small letters."""
    return f"sha256(encode({value}))"


def _local(column: Column, value: str) -> str:
    """SHA-256 of a random salt and the text; Iceberg wants 16 bytes or more, new for each query."""
    return f"sha256(${SALT_PARAMETER} || encode({value}))"


_RENDERERS: dict[str, Callable[[Column, str], str]] = {
    "mask-alphanum": _alphanum,
    "mask-to-fixed-value": _fixed,
    "replace-with-null": _null,
    "show-first-4": _first,
    "show-last-4": _last,
    "truncate-to-year": _year,
    "truncate-to-month": _month,
    "sha-256-global": _global,
    "sha-256-query-local": _local,
}
