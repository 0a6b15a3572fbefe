"""JSON records become rows of `raw`: texts found by path, and what is missing or unknown.

Numbers arrive in their shortest text (1.10 as 1.1; an integer of any length as written; a decimal in the
digits of a double), true and false as words, null and absent keys as NULL, nested values as JSON text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal
from shanhai.ingest.decode.decoded import RAW_CHARACTERS, BodyCount, Keep, Limits, beginning
from shanhai.ingest.decode.headings import shown_unknown
from shanhai.ingest.decode.json_paths import Shape, exists_sql, paths
from shanhai.ingest.decode.raw_table import insert_raw

RECORD_BYTES = 16 * 2**20
_LONG_ONES = 16
_KEPT = "_kept_texts"


@dataclass(frozen=True)
class Records:
    """One body of JSON records, in UTF-8 and unpacked."""

    con: duckdb.DuckDBPyConnection
    contract: Contract
    encoding: str
    body: str
    path: Path
    work: Path
    limits: Limits
    keep: Keep = beginning


def append_records(task: Records, shape: Shape, given: str, *, lines: int | None = None) -> BodyCount:
    """Append records to `raw`.

    `missing` are sources of required columns that no record has; `unknown` are keys of records that are
    neither mapped nor ignored, as people may see them; places are those in alphabetical order.

    Args:
        given: SQL of a table with `json`; `fault`, why it is no record, or NULL; and `raw`, its text then.
        lines: physical lines of the body, where it has lines.
    """
    ways = [
        [path for source in column.sources for path in paths(source, shape)]
        for column in task.contract.columns
    ]
    wanted = ", ".join(quote_literal(path) for one in ways for path in one)
    task.con.execute(
        f"CREATE OR REPLACE TEMP TABLE _records AS "
        f"SELECT json, json->>[{wanted}] AS texts, fault, "
        f"CASE WHEN fault IS NOT NULL THEN raw END AS raw FROM {given}"
    )
    try:
        keep_raw(task, "_records")
        cells = _cells(ways)
        rows = insert_raw(task.con, cells, task.body, "fault, raw FROM _records")
        found = task.con.execute("SELECT count(*) FROM _records WHERE fault IS NULL").fetchone()
        good = int(found[0]) if found else 0
        missing = _missing(task, shape, cells) if good else ()
        return BodyCount(rows, rows - good, missing, _unknown(task, shape), lines)
    finally:
        task.con.execute("DROP TABLE IF EXISTS temp._records")


def keep_raw(task: Records, table: str) -> None:
    """Leave in `raw` of a temporary table what is to be kept of long texts."""
    found = task.con.execute(
        f"SELECT rowid, raw FROM temp.{table} WHERE strlen(raw) > {RAW_CHARACTERS}"
    ).to_arrow_reader(_LONG_ONES)
    kept = [
        (row, task.keep(text))
        for batch in found
        for row, text in zip(*batch.to_pydict().values(), strict=True)
    ]
    if not kept:
        return
    rows, texts = zip(*kept, strict=True)
    task.con.register(
        _KEPT, pa.table({"place": pa.array(rows, pa.int64()), "kept": pa.array(texts, pa.string())})
    )
    try:
        task.con.execute(f"UPDATE temp.{table} SET raw = kept FROM {_KEPT} WHERE {table}.rowid = place")
    finally:
        task.con.unregister(_KEPT)


def _cells(ways: list[list[str]]) -> list[str]:
    """Per column the text that its path found, or one of its paths."""
    cells, number = [], 0
    for one in ways:
        texts = [f"texts[{number + way}]" for way in range(1, len(one) + 1)]
        found = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
        cells.append(f"CASE WHEN fault IS NULL THEN {found} END")
        number += len(one)
    return cells


def _missing(task: Records, shape: Shape, cells: list[str]) -> tuple[str, ...]:
    required = {
        column.sources: cell
        for column, cell in zip(task.contract.columns, cells, strict=True)
        if column.required
    }
    # A text found is a key found; only where there is none at all it matters whether the key came with null.
    empty = _never(task, {sources: f"{cell} IS NOT NULL" for sources, cell in required.items()})
    found = {
        sources: f"fault IS NULL AND ({' OR '.join(exists_sql(source, shape) for source in sources)})"
        for sources in empty
    }
    return tuple(sources[0] for sources in _never(task, found))


def _never(task: Records, conditions: dict[tuple[str, ...], str]) -> tuple[tuple[str, ...], ...]:
    """The sources whose condition no record meets."""
    if not conditions:
        return ()
    met = ", ".join(f"coalesce(bool_or({condition}), false)" for condition in conditions.values())
    found = task.con.execute(f"SELECT {met} FROM _records").fetchone() or ()
    return tuple(sources for sources, is_met in zip(conditions, found, strict=True) if not is_met)


def _unknown(task: Records, shape: Shape) -> tuple[str, ...]:
    known = shape.known(task.contract)
    keys = task.con.execute(
        f"SELECT DISTINCT unnest({shape.keys_sql()}) AS key FROM _records WHERE fault IS NULL ORDER BY key"
    ).fetchall()
    named = [key for (key,) in keys]
    if shape.inside in known:
        known |= {key for key in named if key.startswith(f"{shape.inside}.")}
    return shown_unknown(named, known, only=[key for key in named if key not in known])
