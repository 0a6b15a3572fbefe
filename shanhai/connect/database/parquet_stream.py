"""Record batches as one Parquet file, in pieces: the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

_PIECE_BYTES = 1 << 18
_GROUP_BYTES = 64 * 2**20
_COMPRESSION_LEVEL = 3


def parquet_chunks(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, group_rows: int
) -> Iterator[bytes]:
    """The bytes of a Parquet file with the rows of all batches, held in memory one row group at a time.

    A row group has `group_rows` rows, fewer where rows are large. Nothing of the time or the machine is in
    the file; another version of the Parquet library may write other bytes.

    Args:
        schema: of every batch.
        batches: in the order of the rows.
    """
    sink = _Sink()
    writer = pq.ParquetWriter(sink, schema, compression="zstd", compression_level=_COMPRESSION_LEVEL)
    with writer:
        for group in _groups(schema, batches, group_rows):
            # Where one batch ended and the next began must not be seen in the pages.
            writer.write_table(group.combine_chunks(), row_group_size=len(group))
            yield from sink.taken()
    yield from sink.taken()


def _groups(schema: pa.Schema, batches: Iterator[pa.RecordBatch], group_rows: int) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + len(batch), size + batch.nbytes
        while rows >= group_rows:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, group_rows)
            waiting = table.slice(group_rows).to_batches()
            rows, size = rows - group_rows, sum(batch.nbytes for batch in waiting)
        if size >= _GROUP_BYTES:
            yield pa.Table.from_batches(waiting, schema)
            waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting, schema)


class _Sink:
    """A file that is only ever written, whose bytes are handed on at once."""

    closed = False

    def __init__(self) -> None:
        self._written = bytearray()
        self._given = 0

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def tell(self) -> int:
        return self._given + len(self._written)

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def taken(self) -> Iterator[bytes]:
        """What was written since, in pieces."""
        content, self._written = bytes(self._written), bytearray()
        self._given += len(content)
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]
