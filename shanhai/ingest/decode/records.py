"""JSON documents: a list of records, at the top or under a dotted path.

A record is an object; where the contract says `lists`, it is a list of cells, and the first one has the
headings.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from shanhai.contracts.model import JsonFormat
from shanhai.contracts.sql import quote_literal
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import room_for
from shanhai.ingest.decode.decoded import NOT_A_RECORD, RAGGED, BodyCount
from shanhai.ingest.decode.encoding import check_decodable
from shanhai.ingest.decode.foreign import check_not_foreign
from shanhai.ingest.decode.headings import Placement, place
from shanhai.ingest.decode.json_list import find_list
from shanhai.ingest.decode.json_paths import Shape
from shanhai.ingest.decode.raw_table import insert_raw, one_file
from shanhai.ingest.decode.record_table import RECORD_BYTES, Records, append_records, keep_raw

_COPY_BYTES = 1 << 20
_WHERE = re.compile(r"at byte \d+ in record/value \d+: [a-z0-9 ,'-]+", re.IGNORECASE)


def decode_records(task: Records, stated: JsonFormat) -> BodyCount:
    """Append the records of one body to `raw`.

    Raises:
        UnreadableError: empty, HTML, no JSON, cut off, no list at the stated path; of lists of cells, no
            headings, or a heading twice.
    """
    check_not_foreign(task.path, task.body, allowed="JSON")
    check_decodable(task.path, task.encoding, task.body)
    keys = tuple(stated.records.split(".")) if stated.records else ()
    start, end = find_list(task.path, keys, task.body, task.limits.list_bytes)
    with values(task, (start, end) if keys else None) as given:
        if stated.lists:
            return _append_lists(task, given)
        fault = f"CASE WHEN json_type(json) <> 'OBJECT' THEN '{NOT_A_RECORD}' END"
        return append_records(
            task, Shape(), f"(SELECT json, {fault} AS fault, json::VARCHAR AS raw FROM {given})"
        )


@contextmanager
def values(task: Records, part: tuple[int, int] | None, *, kind: str = "array") -> Iterator[str]:
    """SQL of a table function that gives, as `json`, the elements of a list, or one value.

    Args:
        part: the bytes to read of the body; None: all.
        kind: `array`, or `unstructured` for one value.

    Raises:
        UnreadableError: while the table is read: no JSON, or an element is too large.
    """
    copied = task.work / "records.json"
    path = task.path
    try:
        if part is not None:
            with room_for(copied, part[1] - part[0]):
                _copy(task.path, copied, *part)
            path = copied
        yield (
            f"read_json_objects({one_file(path)}, format = '{kind}', compression = 'uncompressed', "
            f"maximum_object_size = {RECORD_BYTES})"
        )
    except duckdb.InvalidInputException as error:
        raise _refusal(task.body, error) from None
    finally:
        copied.unlink(missing_ok=True)


def _append_lists(task: Records, given: str) -> BodyCount:
    headings = task.con.execute(f"SELECT json FROM {given} LIMIT 1").fetchone()
    texts = _texts(_read(headings[0], task.body)) if headings else None
    if texts is None:
        raise UnreadableError(
            f"{task.body}: no headings",
            given="no list of texts first",
            allowed="lists of cells, headings first",
        )
    placement = place(task.contract, texts, task.body)
    task.con.execute(
        "CREATE OR REPLACE TEMP TABLE _lists AS "
        "SELECT json, fault, CASE WHEN fault IS NOT NULL THEN json::VARCHAR END AS raw FROM ("
        f"SELECT json, CASE WHEN json_type(json) <> 'ARRAY' THEN '{NOT_A_RECORD}' "
        f"WHEN json_array_length(json) <> {placement.width} THEN '{RAGGED}' END AS fault "
        f"FROM {given} OFFSET 1)"
    )
    try:
        keep_raw(task, "_lists")
        rows = insert_raw(task.con, _cells(placement), task.body, "fault, raw FROM _lists")
        found = task.con.execute("SELECT count(fault) FROM _lists").fetchone()
        return BodyCount(rows, int(found[0]) if found else 0, placement.missing, placement.unknown)
    finally:
        task.con.execute("DROP TABLE IF EXISTS temp._lists")


def _cells(placement: Placement) -> list[str]:
    return [
        "NULL" if at is None else f"CASE WHEN fault IS NULL THEN json->>{quote_literal(f'$[{at}]')} END"
        for at in placement.positions
    ]


def _read(element: str, body: str) -> Any:
    """An element of a list; the engine takes more for JSON, such as a comma before a bracket."""
    try:
        return json.loads(element)
    except ValueError:
        raise UnreadableError(f"{body}: not JSON", given="the first list", allowed="valid JSON") from None


def _texts(value: Any) -> list[str] | None:
    """The headings in the first list; None: it is none."""
    if not isinstance(value, list) or not value:
        return None
    if not all(cell is None or isinstance(cell, str | int | float) for cell in value):
        return None
    return ["" if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in value]


def _copy(source: Path, target: Path, start: int, end: int) -> None:
    with source.open("rb") as given, target.open("wb") as taken:
        given.seek(start)
        shutil.copyfileobj(given, taken, _COPY_BYTES)
        taken.truncate(end - start)


def _refusal(body: str, error: duckdb.Error) -> UnreadableError:
    """The reader's complaint without values: its texts may quote the data."""
    if "maximum_object_size" in str(error):
        return UnreadableError(
            f"{body}: a record is too large", given="more", allowed=f"{RECORD_BYTES} bytes a record"
        )
    where = _WHERE.search(str(error))
    return UnreadableError(
        f"{body}: not JSON",
        given=where.group() if where else "not a list of values",
        allowed="valid JSON",
    )
