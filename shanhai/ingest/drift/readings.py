"""What texts that are no value of their column's type may be instead, each as SQL over a text `t`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from shanhai.contracts.model import Column, ColumnType, Contract
from shanhai.contracts.proposals import Proposal, ReadFullWidth, RetypeColumn
from shanhai.contracts.sql import quote_literal
from shanhai.errors import ConfigurationError
from shanhai.quality.expressions import one_of, typed

TEXT = "t"
ISO = "ISO 8601"
UNIT = r"[+-]?[0-9]+(?:[.][0-9]+)? ?([^0-9\s.,;:+-][^0-9]{0,11})"
DECIMAL_COMMA = "[+-]?([0-9]+|[0-9]{1,3}([.][0-9]{3})+),[0-9]+"
THOUSANDS = "[+-]?[0-9]{1,3}([, '’\u00a0\u202f][0-9]{3})+([.][0-9]+)?"
MISSING_WORDS = (
    "-", "--", "---", "/", "\\", ".", "?", "*", "#", "N/A", "n/a", "NA", "na", "#N/A", "NULL", "null", "Null",
    "None", "none", "nil", "NaN", "nan", "unknown", "Unknown",
    "无", "无数据", "不详", "未知", "暂无", "空", "缺", "——", "—",
)  # fmt: skip
"""Texts that people and programs write where a value is missing; none of them tells of anybody."""
_SPREADSHEET_ERRORS = ("#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!")
_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
    "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%b %d, %Y",
)  # fmt: skip
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%H时%M分%S秒", "%H时%M分")
_SINCE_1970 = ("epoch_seconds", "[0-9]{10}"), ("epoch_milliseconds", "[0-9]{13}")


@dataclass(frozen=True)
class Reading:
    """One way to read a text.

    Attributes:
        name: that of a `retyped_column`.
        sql: BOOLEAN, TRUE where the text reads so; cheap enough to be asked of every reading.
        exact: the same as staging would have it, where that is dear; empty: `sql` is exact.
        given: the format in which it reads, if that is what differs.
        proposal: the contract under which it is a value; None: there is none.
    """

    name: str
    sql: str
    given: str = ""
    proposal: Proposal | None = None
    exact: str = ""


def readings(column: Column, contract: Contract) -> list[Reading]:
    """All readings of a column's texts, the likelier first."""
    errors = Reading("spreadsheet_errors", one_of(TEXT, _SPREADSHEET_ERRORS))
    match column.type:
        case "integer" | "number":
            return [errors, *_numbers(column, contract)]
        case "date" | "timestamp" | "time":
            return [errors, *_moments(column, contract), *_counted(column)]
        case "string" | "boolean":
            return [errors]


def _numbers(column: Column, contract: Contract) -> Iterator[Reading]:
    name = column.name
    if not column.full_width:
        wide = _as(column, contract, column.type, full_width=True)
        yield Reading("full_width", wide, proposal=ReadFullWidth(column=name))
    if column.type == "integer":
        decimals = RetypeColumn(column=name, type="number")
        yield Reading("decimals", _as(column, contract, "number"), proposal=decimals)
    comma = Reading("decimal_comma", _full(DECIMAL_COMMA))
    thousands = Reading("thousands", _full(THOUSANDS))
    yield from (thousands, comma) if column.type == "integer" else (comma, thousands)
    yield Reading("unit", _full(UNIT))


def _moments(column: Column, contract: Contract) -> Iterator[Reading]:
    if column.formats:
        iso = RetypeColumn(column=column.name, type=column.type)
        yield Reading("format", _as(column, contract, column.type), ISO, iso)
    clocked = tuple(f"{day} {clock}" for day, clock in itertools.product(_DAYS, _CLOCKS))
    for kind, formats in _kinds(column.type, clocked):
        for text_format in formats:
            if text_format in column.formats:
                continue
            try:
                exact = _as(column, contract, kind, formats=(text_format,))
            except ConfigurationError:  # one that a contract may not state
                continue
            stated = (*column.formats, text_format) if kind == column.type else (text_format,)
            retyped = RetypeColumn(column=column.name, type=kind, formats=stated)
            usual = f"try_strptime({TEXT}, {quote_literal(text_format)}) IS NOT NULL"
            yield Reading("format", usual, text_format, retyped, exact)


def _kinds(kind: ColumnType, clocked: tuple[str, ...]) -> Iterator[tuple[ColumnType, tuple[str, ...]]]:
    match kind:
        case "time":
            yield "time", _CLOCKS
        case "date":
            yield "date", _DAYS
            yield "timestamp", clocked
        case _:
            yield "timestamp", (*clocked, *_DAYS)


def _counted(column: Column) -> Iterator[Reading]:
    if column.type == "time":
        return
    for name, shape in _SINCE_1970:
        yield Reading(name, _full(shape))
    within = f"TRY_CAST({TEXT} AS DOUBLE) BETWEEN 20000 AND 80000"
    yield Reading("spreadsheet_days", f"{_full('[0-9]{5}([.][0-9]+)?')} AND {within}")


def _as(
    column: Column,
    contract: Contract,
    kind: ColumnType,
    *,
    formats: tuple[str, ...] = (),
    full_width: bool | None = None,
) -> str:
    """That a text is a value, as staging reads values."""
    other = column.model_copy(
        update={
            "name": TEXT,
            "type": kind,
            "formats": formats,
            "precision": column.precision if kind == column.type else None,
            "full_width": column.full_width if full_width is None else full_width,
        }
    )
    return f"({typed(other, contract)}) IS NOT NULL"


def _full(shape: str) -> str:
    return f"regexp_full_match({TEXT}, {quote_literal(shape)})"
