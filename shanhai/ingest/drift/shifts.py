"""Cells that stand in the wrong column: whole rows moved by one, or one cell too many or too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanhai.contracts.model import CsvFormat
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import RAGGED, RAW_CHARACTERS, REFERENCE
from shanhai.ingest.decode.delimited import dialect_of
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.decode.headings import place, place_by_position
from shanhai.ingest.decode.opening import read_opening
from shanhai.ingest.drift.look import Look
from shanhai.quality.checked import checked_select
from shanhai.quality.difference import Difference, differs
from shanhai.quality.rules import checked_violation, rules_for, violation

if TYPE_CHECKING:
    import duckdb

_MOVED = "_moved"
_MOST_ROWS = 300
_MOST_CELLS = 60
_EXPLAINED = 0.8
_FEW_BROKEN = 2
"""Columns that must break a rule in the same rows before their neighbours are tried."""


@dataclass(frozen=True)
class _Layout:
    """The cells of a record, and which of them fill which column of the contract."""

    dialect: Dialect
    width: int
    positions: tuple[int | None, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """Records as they would be, had their cells from the position `at` on not moved."""

    reading: str
    at: int
    records: Sequence[Sequence[str]]


def shift_differences(
    look: Look, con: duckdb.DuckDBPyConnection, stated: CsvFormat
) -> tuple[Difference, ...]:
    """Shifts that make most of the broken rows good; of delimited text alone, where cells have an order.

    Looks where many records have a wrong number of cells, or many rows break rules in several columns.

    Args:
        con: has `raw` of the delivery.
    """
    layout = _layout(look, stated)
    if layout is None or layout.width > _MOST_CELLS:
        return ()
    found = []
    if look.is_many(look.staging.malformed.get(RAGGED, 0)):
        found.append(_of_ragged(look, con, layout))
    broken = {rule.column for rule in rules_for(look.contract) if _is_broken(look, rule.name)}
    if len(broken) >= _FEW_BROKEN and None not in layout.positions:
        found.append(_of_rows(look, con, layout, broken))
    return tuple(difference for difference in found if difference is not None)


def _is_broken(look: Look, rule: str) -> bool:
    return look.is_much(look.staging.counts.get(rule, 0))


def _layout(look: Look, stated: CsvFormat) -> _Layout | None:
    dialect = dialect_of(look.contract, stated)
    body = look.bodies[0]
    path = look.work / "opening.text"
    try:
        text = look.start(body).decode(stated.encoding, "replace")
        path.write_text(text, encoding="utf-8", newline="")
        headings = read_opening(path, stated, dialect, body.name).headings
        placed = (
            place_by_position(look.contract)
            if headings is None
            else place(look.contract, headings, body.name)
        )
    except (UnreadableError, LookupError, UnicodeError):
        return None
    sources = {
        position: column.name
        for column, position in reversed(list(zip(look.contract.columns, placed.positions, strict=True)))
        if position is not None
    }
    names = tuple(sources.get(number, f"#{number + 1}") for number in range(placed.width))
    return _Layout(dialect, placed.width, placed.positions, names)


def _of_ragged(look: Look, con: duckdb.DuckDBPyConnection, layout: _Layout) -> Difference | None:
    """One cell too many, or too few, at the same place in most of the malformed records."""
    rows = con.execute(
        f"SELECT _raw FROM raw WHERE _malformed = '{RAGGED}' AND length(_raw) < {RAW_CHARACTERS} "
        f"AND NOT starts_with(_raw, {quote_literal(REFERENCE)}) LIMIT {_MOST_ROWS}"
    ).fetchall()
    split = [layout.dialect.split(raw.encode("utf-8", "replace")) for (raw,) in rows]
    records = [[cell.decode("utf-8", "replace") for cell in cells] for cells in split if cells]
    for surplus, reading in ((1, "cell_too_many"), (-1, "cell_too_few")):
        odd = [cells for cells in records if len(cells) == layout.width + surplus]
        # Of places that explain it equally well the last is named: columns without rules fit any value.
        ways = [
            _Way(reading, at, [_mended(cells, at, surplus) for cells in odd])
            for at in reversed(range(layout.width))
        ]
        found = _explained(look, con, layout, ways, len(rows)) if odd else None
        if found is not None:
            return found
    return None


def _mended(cells: Sequence[str], at: int, surplus: int) -> list[str]:
    return [*cells[:at], *cells[at + 1 :]] if surplus > 0 else [*cells[:at], "", *cells[at:]]


def _of_rows(
    look: Look, con: duckdb.DuckDBPyConnection, layout: _Layout, broken: set[str]
) -> Difference | None:
    """Values that would be good one column further left, or right, from some column on."""
    cells = [quote_identifier(name) if name in look.contract.names else "NULL" for name in layout.names]
    failing = " OR ".join(violation(rule, look.contract) for rule in rules_for(look.contract))
    rows = con.execute(
        f"SELECT [{', '.join(cells)}] FROM raw WHERE _malformed IS NULL AND ({failing}) LIMIT {_MOST_ROWS}"
    ).fetchall()
    records = [[cell or "" for cell in values] for (values,) in rows]
    first = min(number for number, name in enumerate(layout.names) if name in broken)
    ways = [
        way
        for at in range(first, -1, -1)
        for way in (
            _Way("right", at, [[*cells[:at], *cells[at + 1 :], ""] for cells in records]),
            _Way("left", at, [[*cells[:at], "", *cells[at:-1]] for cells in records]),
        )
    ]
    return _explained(look, con, layout, ways, len(records))


def _explained(
    look: Look, con: duckdb.DuckDBPyConnection, layout: _Layout, ways: Sequence[_Way], rows: int
) -> Difference | None:
    """The way in which most rows are good, if they are."""
    goods = _goods(look, con, layout, ways)
    number = max(range(len(ways)), key=lambda number: goods[number])
    if not goods[number] or goods[number] < _EXPLAINED * rows:
        return None
    return differs(
        "shifted_columns",
        ways[number].reading,
        columns=(layout.names[ways[number].at],),
        rows=goods[number],
        of_rows=rows,
        certainty="guess",
    )


def _broken_value(look: Look) -> str:
    """SQL over `checked`: that a value which is there breaks a rule. The cell that is lost has none."""
    rules = [rule for rule in rules_for(look.contract) if rule.kind != "required"]
    return " OR ".join(checked_violation(rule, look.contract) for rule in rules) or "FALSE"


def _goods(
    look: Look, con: duckdb.DuckDBPyConnection, layout: _Layout, ways: Sequence[_Way]
) -> Sequence[int]:
    """For each way, how many of its records break no rule."""
    import pyarrow as pa

    records = [(str(number), record) for number, way in enumerate(ways) for record in way.records]
    columns = {
        name: pa.array([None if at is None else record[at] for _, record in records], pa.string())
        for name, at in zip(look.contract.names, layout.positions, strict=True)
    }
    columns["_body"] = pa.array([number for number, _ in records], pa.string())
    columns["_malformed"] = pa.nulls(len(records), pa.string())
    con.register(_MOVED, pa.table(columns))
    found = con.execute(
        f"SELECT _body, count(*) FROM ({checked_select(look.contract, source=_MOVED)}) "
        f"WHERE NOT ({_broken_value(look)}) GROUP BY 1"
    ).fetchall()
    con.unregister(_MOVED)
    counts = {int(number): int(count) for number, count in found}
    return [counts.get(number, 0) for number in range(len(ways))]
