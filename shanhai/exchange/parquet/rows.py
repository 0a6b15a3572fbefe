"""Cut a stream of record batches into row groups of plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shanhai.errors import DataError
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.measure import halved
from shanhai.exchange.parquet.types import plain_type

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 8_192
"""Rows that are turned into plain values in one step: a dictionary's may be large and repeated often."""


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema that is sealed: c0000 …, plain types, no metadata of table or fields, everything nullable.

    Raises:
        DataError: no column, too many, or one that cannot be sealed.
    """
    import pyarrow as pa

    if not 0 < len(schema) <= profile.MOST_COLUMNS:
        raise DataError("a set needs columns", given=len(schema), allowed=f"1 to {profile.MOST_COLUMNS}")
    return pa.schema(
        [pa.field(profile.physical_name(n), plain_type(field.type)) for n, field in enumerate(schema)]
    )


def groups(
    reader: pa.RecordBatchReader, schema: pa.Schema, *, most_bytes: int
) -> Iterator[tuple[pa.Table, int]]:
    """Row groups of up to `most_bytes` or `GROUP_ROWS` rows, each with its decoded bytes.

    Raises:
        DataError: one row is larger than `MOST_ROW_BYTES`.
    """
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        for piece, decoded in _pieces(batch, schema, most_bytes):
            full = size + decoded > most_bytes or rows + piece.num_rows > profile.GROUP_ROWS
            if held and full:
                yield pa.Table.from_batches(held, schema), size
                held, rows, size = [], 0, 0
            held.append(piece)
            rows += piece.num_rows
            size += decoded
    if held:
        yield pa.Table.from_batches(held, schema), size


def _pieces(
    batch: pa.RecordBatch, schema: pa.Schema, most_bytes: int
) -> Iterator[tuple[pa.RecordBatch, int]]:
    at_once = batch.num_rows if batch.schema.types == schema.types else _AT_ONCE
    for start in range(0, batch.num_rows, at_once or 1):
        plain, most = _plain(batch.slice(start, at_once), schema), min(most_bytes, profile.MOST_ROW_BYTES)
        for piece, decoded in halved(plain, most):
            if decoded > most:
                raise DataError("one row is too large to be sealed", given=decoded, allowed=most)
            yield piece, decoded


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The values alone: a dictionary would also carry values of rows that a filter took away."""
    import pyarrow as pa

    columns = [_values(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _values(column: pa.Array, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    return column if column.type == kind else column.cast(kind)
