"""A Parquet file that grows by batches of any size, in row groups of even size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 122_880
_BYTES = 128 * 2**20
_REPEATED = 4
"""A column whose values come so often in a row group is written by a dictionary."""


class RowGroups:
    """Writes batches; without any row there is no file, and it is whole once it is closed.

    Args:
        constants: columns to add, with the one value that each has in every row.
        most_bytes: about what the values of a row group may have.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema | None = None,
        *,
        constants: Mapping[str, str] | None = None,
        most_bytes: int = _BYTES,
    ) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self.rows = 0
        self._schema = schema
        self._constants = dict(constants or {})
        self._most_bytes = most_bytes
        self._waiting: list[pa.RecordBatch] = []
        self._size = self._bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        if not batch.num_rows:
            return
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._size += batch.num_rows
        self._bytes += batch.nbytes
        if self._size >= _ROWS or self._bytes >= self._most_bytes:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> RowGroups:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        if self._schema is not None:
            table = table.cast(self._schema)
        if self._writer is None:
            self._writer = self._open(table)
        for name, value in self._constants.items():
            table = table.append_column(name, _constant(value, len(table)))
        self._writer.write_table(table)
        self._waiting, self._size, self._bytes = [], 0, 0

    def _open(self, first: pa.Table) -> pq.ParquetWriter:
        import pyarrow as pa
        import pyarrow.parquet as pq

        repeated = [name for name in first.column_names if _repeats(first.column(name))]
        encodings = {
            field.name: encoding
            for field in first.schema
            if field.name not in repeated and (encoding := _encoding(field.type)) is not None
        }
        schema = first.schema
        for name in self._constants:
            schema = schema.append(pa.field(name, pa.dictionary(pa.int32(), pa.string())))
        writer = pq.ParquetWriter(
            self.path,
            schema,
            compression="zstd",
            use_dictionary=[*repeated, *self._constants],
            column_encoding=encodings or None,
            store_schema=False,  # it would tell of dictionaries, which are no matter of the reader
        )
        self.path.chmod(0o600)
        return writer


def _repeats(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type) or pa.types.is_boolean(column.type):
        return False
    return bool(pc.count_distinct(column).as_py() * _REPEATED < len(column))


def _encoding(kind: pa.DataType) -> str | None:
    """Steps from value to value instead of values, where the type has such an encoding."""
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return "DELTA_BINARY_PACKED"
    return "DELTA_BYTE_ARRAY" if pa.types.is_string(kind) else None


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    import numpy as np
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value], pa.string()))
