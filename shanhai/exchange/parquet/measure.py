"""How many bytes rows are: one measure, the same for who declares and who counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shanhai.exchange.parquet.types import FIXED

if TYPE_CHECKING:
    import pyarrow as pa


def decoded_bytes(batch: pa.RecordBatch | pa.Table) -> int:
    """Bytes of the values: the width of a fixed one, 4 + length for text or bytes, 4 + values for a list.

    NULL counts like an empty value. Buffers are not counted: they depend on how rows were cut and read.
    """
    return sum(column_bytes(column) for column in batch.columns)


def halved(batch: pa.RecordBatch, most_bytes: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The batch in parts of up to `most_bytes`, each with its decoded bytes; a row alone may have more."""
    decoded = decoded_bytes(batch)
    if decoded <= most_bytes or batch.num_rows < 2:
        yield batch, decoded
        return
    middle = batch.num_rows // 2
    yield from halved(batch.slice(0, middle), most_bytes)
    yield from halved(batch.slice(middle), most_bytes)


def column_bytes(column: pa.Array | pa.ChunkedArray) -> int:
    """`decoded_bytes` of one column of a plain type."""
    import pyarrow.compute as pc
    from pyarrow import types as is_

    kind, rows = column.type, len(column)
    if is_.is_list(kind):
        return 4 * rows + column_bytes(pc.list_flatten(column))
    if is_.is_string(kind) or is_.is_binary(kind):
        return 4 * rows + (pc.sum(pc.binary_length(column)).as_py() or 0)
    if is_.is_timestamp(kind):
        return 8 * rows
    if is_.is_decimal128(kind):
        return 16 * rows
    if is_.is_fixed_size_binary(kind):
        return int(kind.byte_width) * rows
    return FIXED[str(kind)] * rows
