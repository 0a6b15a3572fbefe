"""The rows of a query as Arrow batches, one after the other and in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_ROWS = 1 << 16
"""Fewer, and handing over a batch costs more than what is in it."""
_AHEAD = "64MB"
"""What is read ahead: less, and threads wait for each other at the order of rows."""


def batches(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[pa.RecordBatch]:
    """Run a query while its rows are taken; until the last one the connection is not free for another.

    Raises:
        duckdb.Error: what DuckDB said, also where it said so after the first batch.
    """
    con.execute(f"SET streaming_buffer_size = '{_AHEAD}'")
    reader = con.execute(query).to_arrow_reader(_ROWS)
    try:
        yield from reader
    except OSError as error:  # also pyarrow's errors: one came through its stream
        raise _as_duckdb(error) from error


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
