"""One JSON record a line: every physical line is a record, a malformed one, or blank.

Lines end with LF or CRLF. A line that holds one JSON object is a record; other JSON is `not_a_record`, what
is no JSON, or nested too deeply, is `not_json`. Blank lines are counted as lines and are no records. A line
may begin with the record separator of JSON text sequences (RFC 7464).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from shanhai.contracts.sql import quote_literal
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import (
    LINE_TOO_LONG,
    NOT_A_RECORD,
    NOT_JSON,
    REFERENCE,
    UNDECODABLE,
    BodyCount,
)
from shanhai.ingest.decode.encoding import UTF8_MARK, readable
from shanhai.ingest.decode.foreign import check_not_foreign
from shanhai.ingest.decode.json_list import is_too_deep
from shanhai.ingest.decode.json_paths import Shape
from shanhai.ingest.decode.lines import Oversize, blocks, too_long
from shanhai.ingest.decode.record_table import Records, append_records

_SEPARATOR = b"\x1e"
_BATCH_NAME = "_line_batch"


def decode_ndjson(task: Records, longest: int, shape: Shape, is_record: str) -> BodyCount:
    """Append the lines of one body to `raw`.

    Args:
        longest: bytes that a line may have.
        is_record: SQL over `json`, a valid JSON value: whether it is a record.

    Raises:
        UnreadableError: empty, HTML, or another format.
    """
    check_not_foreign(task.path, task.body, allowed="JSON, one record a line")
    reader = _Lines(task, longest)
    con = task.con
    con.execute("CREATE OR REPLACE TEMP TABLE _lines (text VARCHAR, fault VARCHAR, raw VARCHAR)")
    try:
        for batch in reader.batches():
            _append(con, batch)
        if not reader.lines:
            raise UnreadableError(
                f"{task.body}: empty", allowed="JSON, one record a line", hint="pull it again"
            )
        return append_records(task, shape, f"({_judged(is_record)})", lines=reader.lines)
    finally:
        con.execute("DROP TABLE IF EXISTS temp._lines")


def _judged(is_record: str) -> str:
    """SQL of all lines with what they are."""
    return (
        f"SELECT json, coalesce(fault, CASE WHEN json IS NULL THEN {quote_literal(NOT_JSON)} "
        f"WHEN {is_record} THEN NULL ELSE {quote_literal(NOT_A_RECORD)} END) AS fault, "
        "coalesce(raw, text) AS raw FROM (SELECT *, TRY_CAST(text AS JSON) AS json FROM _lines)"
    )


def _append(con: duckdb.DuckDBPyConnection, batch: pa.Table) -> None:
    con.register(_BATCH_NAME, batch)
    try:
        con.execute(f"INSERT INTO _lines SELECT * FROM {_BATCH_NAME}")
    finally:
        con.unregister(_BATCH_NAME)


@dataclass
class _Lines:
    """The lines of a body as tables of text, fault and raw text; counts them while they are read."""

    task: Records
    longest: int
    lines: int = 0

    def batches(self) -> Iterator[pa.Table]:
        with self.task.path.open("rb") as stream:
            if stream.read(len(UTF8_MARK)) != UTF8_MARK:
                stream.seek(0)
            for block in blocks(stream, self.longest, ends=(b"\n",)):
                yield self._table(block)

    def _table(self, block: bytes) -> pa.Table:
        texts, faults = [], []
        raws: list[str | None] = []
        oversize = isinstance(block, Oversize)
        lines = [block] if oversize else block.removesuffix(b"\n").split(b"\n")
        self.lines += len(lines)
        for line in lines:
            text = line.strip(b" \t\r" + _SEPARATOR)
            if not text and not oversize:
                continue
            is_too_long = oversize or len(text) > self.longest
            fault = LINE_TOO_LONG if is_too_long else _unreadable(text)
            texts.append(None if fault else text)
            faults.append(fault)
            if is_too_long:
                raws.append(self.task.keep(too_long(line if oversize else text, self.longest)))
            else:
                raws.append(self.task.keep(readable(text)) if fault else None)
        columns = (texts, faults, raws)
        return pa.table([pa.array(column, pa.string()) for column in columns], ["text", "fault", "raw"])


def _unreadable(text: bytes) -> str | None:
    if is_too_deep(text) or text.startswith(REFERENCE.encode()):
        return NOT_JSON
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return UNDECODABLE
    return None
