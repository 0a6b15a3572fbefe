"""The rows of a query as Arrow batches, one after the other and in order, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROWS = 1 << 16
"""Of a batch; fewer, and handing it over costs more than what is in it, unless rows are long."""
BYTES = 32 * 2**20
"""About what the texts of a batch may have where rows are long: DuckDB counts rows only."""
_AHEAD = "64MB"
"""What is read ahead: less, and threads wait for each other at the order of rows."""


def batches(con: duckdb.DuckDBPyConnection, query: str, *, at_once: int = ROWS) -> Iterator[pa.RecordBatch]:
    """Run a query while its rows are taken; until the last one the connection is not free for another.

    A query that joins, as a lookup in a register or a long list does, runs on one thread: what several
    threads read passes a join in any order.

    Args:
        at_once: so many rows that they have about `BYTES` at most, wherever they stand. A batch has more
            where they are shorter than that: what is done for each batch takes longer than the rows of a few.

    Raises:
        duckdb.Error: what DuckDB said, also where it said so after the first batch.
    """
    import duckdb

    con.execute(f"SET streaming_buffer_size = '{_AHEAD}'")
    with _in_order(con, query):
        try:
            taken = con.execute(query).to_arrow_reader(min(at_once, ROWS))
            yield from taken if at_once >= ROWS else _joined(taken)
        except UnicodeDecodeError as error:  # of a parser's complaint, which ends within a character
            raise duckdb.InvalidInputException("a long record is malformed") from error
        except OSError as error:  # also pyarrow's errors: one came through its stream
            raise _as_duckdb(error) from error


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches with few rows, together where their rows are short after all."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if waiting and (rows + len(batch) > ROWS or size + batch.nbytes > BYTES):
            yield pa.concat_batches(waiting)
            waiting, rows, size = [], 0, 0
        waiting.append(batch)
        rows += len(batch)
        size += batch.nbytes
    if waiting:
        yield pa.concat_batches(waiting)


def at_once_of(file: Path) -> int:
    """How many rows of a file of `RowGroups` are not too long together: as many as share a row group."""
    import pyarrow.parquet as pq

    groups = pq.read_metadata(file)
    # The last one ended with the file, whatever was in it.
    rows = (int(groups.row_group(number).num_rows) for number in range(groups.num_row_groups - 1))
    return min(rows, default=ROWS)


@contextmanager
def _in_order(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[None]:
    ((_, plan),) = con.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()
    if not any(map(_mixes, json.loads(plan))):
        yield
        return
    (threads,) = con.execute("SELECT current_setting('threads')").fetchone() or (1,)
    con.execute("SET threads = 1")
    try:
        yield
    finally:
        con.execute(f"SET threads = {threads}")


def _mixes(step: Mapping[str, Any]) -> bool:
    """Whether a step of a plan changes the order in which rows came, and none after it sorts them."""
    name = step["name"].strip()
    return name != "ORDER_BY" and (name.endswith("JOIN") or any(map(_mixes, step["children"])))


def _as_duckdb(error: OSError) -> Exception:
    import duckdb

    kinds: dict[str, type[duckdb.Error]] = {
        "Invalid Input Error": duckdb.InvalidInputException,
        "Not implemented Error": duckdb.NotImplementedException,
        "IO Error": duckdb.IOException,
        "Out of Memory Error": duckdb.OutOfMemoryException,
    }
    kind, _, _ = str(error).partition(":")
    return kinds.get(kind, duckdb.Error)(str(error))
