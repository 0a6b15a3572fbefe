"""Read a stranger's Arrow stream: what it may cost is known before any of it is made.

Sources: Arrow columnar format, "Encapsulated message format"; format/Message.fbs; FlatBuffers internals.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parquet.profile import MOST_ROW_BYTES
from shanhai.exchange.parquet.types import type_name

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_METADATA = 4 << 20
"""Of one message: room for as many columns as a file may have."""
_MOST_BATCH = 4 * MOST_ROW_BYTES
"""Bytes of a batch as Arrow counts them: four times what one of a cell decodes to, so that each passes."""
_HEADER, _CUSTOM_METADATA = 2, 4
_COMPRESSION = 3
"""Fields of the tables Message and RecordBatch, by their place."""


def read_stream(
    out: BinaryIO, columns: Sequence[tuple[str, str]], *, most_bytes: int, most_batches: int
) -> Iterator[pa.RecordBatch]:
    """The batches of a file of the system, each validated in full before anything looks at a value.

    Nothing is read into memory but what is looked at: buffers lie in the mapped file, whose pages are given
    back when the next batch is asked for. Compressed buffers, dictionaries and metadata of messages are
    refused, so nothing grows out of a small file; and so are batches without rows, and those that are larger
    than any of a cell, so that whoever holds a few of them holds little.

    Args:
        columns: name and name of the type, in their order, each once.
        most_bytes: of all batches together, as Arrow counts them; two columns may lie in the same bytes.
        most_batches: each takes its time, also with a single row.

    Raises:
        Refused: `dictionary-bomb` beyond that many bytes, else `parser-abort`; both at stage contents.
    """
    import pyarrow as pa

    with _refusing():
        size = count = 0
        mapped = mmap.mmap(out.fileno(), 0, access=mmap.ACCESS_READ)
        with pa.BufferReader(pa.py_buffer(mapped)) as source:
            messages = _messages(source)
            schema = pa.ipc.read_schema(next(messages))
            if [(field.name, type_name(field.type)) for field in schema] != list(columns):
                raise ValueError("other columns")
            for message in messages:
                _check_plain(message)
                batch = pa.ipc.read_record_batch(message, schema)
                size, count = size + batch.nbytes, count + 1
                if size > most_bytes:
                    raise Refused("dictionary-bomb", stage=Stage.CONTENTS)
                if not batch.num_rows or batch.nbytes > _MOST_BATCH or count > most_batches:
                    raise ValueError("other batches than a cell writes")
                batch.validate(full=True)
                yield batch
                # Whoever still holds a batch reads its pages again.
                mapped.madvise(mmap.MADV_DONTNEED, 0, source.tell())


@contextmanager
def _refusing() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError, struct.error, StopIteration):
        raise Refused("parser-abort", stage=Stage.CONTENTS) from None


def _messages(source: pa.BufferReader) -> Iterator[pa.Message]:
    import pyarrow as pa

    for message in pa.ipc.MessageReader.open_stream(source):
        if message.metadata.size > _MOST_METADATA:
            raise ValueError("metadata beyond the limit")
        yield message


def _check_plain(message: pa.Message) -> None:
    """See that it is a batch whose buffers lie in it as they are; the library has verified the tables."""
    data = memoryview(message.metadata)
    (root,) = struct.unpack_from("<I", data)
    header = _field(data, root, _HEADER)
    if message.type != "record batch" or header is None or _field(data, root, _CUSTOM_METADATA) is not None:
        raise ValueError("not a plain batch")
    (batch,) = struct.unpack_from("<I", data, header)
    if _field(data, header + batch, _COMPRESSION) is not None:
        raise ValueError("compressed")


def _field(data: memoryview, table: int, place: int) -> int | None:
    """Where a field of a table lies; None where the table does not have it."""
    (back,) = struct.unpack_from("<i", data, table)
    width, _ = struct.unpack_from("<HH", data, table - back)
    at = 4 + 2 * place
    (offset,) = struct.unpack_from("<H", data, table - back + at) if at < width else (0,)
    return table + offset if offset else None
