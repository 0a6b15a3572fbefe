"""JSON records: a list of objects, at the top or under a dotted path, each becoming one row of texts.

Numbers arrive in their shortest text (1.10 as 1.1; an integer of any length as written; a decimal in the
digits of a double), true and false as words, null and absent keys as NULL, nested values as JSON text. A
dotted source is a path; a segment of digits is a key or, in a list, an index counted from 0.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from shanhai.contracts.model import Contract, JsonFormat
from shanhai.contracts.sql import quote_literal
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import room_for
from shanhai.ingest.decode.decoded import NOT_A_RECORD, RAW_CHARACTERS, BodyCount, Limits
from shanhai.ingest.decode.encoding import check_decodable
from shanhai.ingest.decode.foreign import check_not_foreign
from shanhai.ingest.decode.headings import shown_unknown
from shanhai.ingest.decode.json_list import find_list
from shanhai.ingest.decode.raw_table import insert_raw, one_file

_RECORD_BYTES = 16 * 2**20
_COPY_BYTES = 1 << 20
_WHERE = re.compile(r"at byte \d+ in record/value \d+: [a-z0-9 ,'-]+", re.IGNORECASE)


@dataclass(frozen=True)
class Records:
    """One body of JSON, in UTF-8 and unpacked."""

    con: duckdb.DuckDBPyConnection
    contract: Contract
    stated: JsonFormat
    body: str
    path: Path
    work: Path
    limits: Limits


def decode_records(task: Records) -> BodyCount:
    """Append the records of one body to `raw`.

    `missing` are sources of required columns that no record has; `unknown` are keys of records, at their top,
    that are neither mapped nor ignored, as people may see them; places are those in alphabetical order.

    Raises:
        UnreadableError: empty, HTML, no JSON, cut off, no list at the stated path.
    """
    check_not_foreign(task.path, task.body, allowed="JSON")
    check_decodable(task.path, task.stated.encoding, task.body)
    keys = tuple(task.stated.records.split(".")) if task.stated.records else ()
    start, end = find_list(task.path, keys, task.body, task.limits.list_bytes)
    part = task.work / "records.json"
    try:
        path = task.path
        if keys:
            with room_for(part, end - start):
                _copy(task.path, part, start, end)
            path = part
        return _append(task, path)
    except duckdb.InvalidInputException as error:
        raise _refusal(task, error) from None
    finally:
        part.unlink(missing_ok=True)


def _append(task: Records, path: Path) -> BodyCount:
    paths = [_paths(column.source) for column in task.contract.columns]
    wanted = ", ".join(quote_literal(path) for ways in paths for path in ways)
    task.con.execute(
        f"CREATE OR REPLACE TEMP TABLE _records AS SELECT json, json->>[{wanted}] AS texts, "
        f"json_type(json) = 'OBJECT' AS is_record FROM read_json_objects({one_file(path)}, "
        f"format = 'array', compression = 'uncompressed', maximum_object_size = {_RECORD_BYTES})"
    )
    try:
        cells = _cells(paths)
        rows = insert_raw(
            task.con,
            cells,
            task.body,
            f"CASE WHEN NOT is_record THEN '{NOT_A_RECORD}' END, "
            f"CASE WHEN NOT is_record THEN left(json::VARCHAR, {RAW_CHARACTERS}) END FROM _records",
        )
        found = task.con.execute("SELECT count(*) FROM _records WHERE is_record").fetchone()
        good = int(found[0]) if found else 0
        return BodyCount(rows, rows - good, _missing(task, cells) if good else (), _unknown(task))
    finally:
        task.con.execute("DROP TABLE IF EXISTS temp._records")


def _cells(paths: list[list[str]]) -> list[str]:
    """Per column the text that its path found, or one of its paths."""
    cells, number = [], 0
    for ways in paths:
        texts = [f"texts[{number + way}]" for way in range(1, len(ways) + 1)]
        cells.append(texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})")
        number += len(ways)
    return cells


def _missing(task: Records, cells: list[str]) -> tuple[str, ...]:
    required = {
        column.source: cell
        for column, cell in zip(task.contract.columns, cells, strict=True)
        if column.required
    }
    # A text found is a key found; only where there is none at all it matters whether the key came with null.
    empty = _never(task, {source: f"{cell} IS NOT NULL" for source, cell in required.items()})
    return _never(task, {source: _has(source) for source in empty})


def _never(task: Records, conditions: dict[str, str]) -> tuple[str, ...]:
    """The sources whose condition no record meets."""
    if not conditions:
        return ()
    met = ", ".join(f"coalesce(bool_or({condition}), false)" for condition in conditions.values())
    found = task.con.execute(f"SELECT {met} FROM _records").fetchone() or ()
    return tuple(source for source, is_met in zip(conditions, found, strict=True) if not is_met)


def _unknown(task: Records) -> tuple[str, ...]:
    known = {source.split(".")[0] for source in _sources(task.contract)}
    known |= set(_sources(task.contract))
    keys = task.con.execute(
        "SELECT DISTINCT unnest(json_keys(json)) AS key FROM _records WHERE is_record ORDER BY key"
    ).fetchall()
    named = [key for (key,) in keys]
    return shown_unknown(named, known, only=[key for key in named if key not in known])


def _sources(contract: Contract) -> list[str]:
    return [*(column.source for column in contract.columns), *contract.ignored]


def _has(source: str) -> str:
    return "(" + " OR ".join(f"json_exists(json, {quote_literal(path)})" for path in _paths(source)) + ")"


def _paths(source: str) -> list[str]:
    """JSON paths of a dotted source: segments as keys, and where a segment is a number also as indexes."""
    segments = source.split(".")
    keys = "$" + "".join(f'."{_escaped(segment)}"' for segment in segments)
    if not any(segment.isascii() and segment.isdigit() for segment in segments[1:]):
        return [keys]
    indexes = f'$."{_escaped(segments[0])}"' + "".join(
        f"[{segment}]" if segment.isascii() and segment.isdigit() else f'."{_escaped(segment)}"'
        for segment in segments[1:]
    )
    return [keys, indexes]


def _escaped(segment: str) -> str:
    return segment.replace("\\", "\\\\").replace('"', '\\"')


def _copy(source: Path, target: Path, start: int, end: int) -> None:
    with source.open("rb") as given, target.open("wb") as taken:
        given.seek(start)
        shutil.copyfileobj(given, taken, _COPY_BYTES)
        taken.truncate(end - start)


def _refusal(task: Records, error: duckdb.Error) -> UnreadableError:
    """The reader's complaint without values: its texts may quote the data."""
    if "maximum_object_size" in str(error):
        return UnreadableError(
            f"{task.body}: a record is too large", given="more", allowed=f"{_RECORD_BYTES} bytes a record"
        )
    where = _WHERE.search(str(error))
    return UnreadableError(
        f"{task.body}: not JSON",
        given=where.group() if where else "not a list of values",
        allowed="valid JSON",
    )
