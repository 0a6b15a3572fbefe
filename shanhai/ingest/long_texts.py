"""Long texts of malformed records: set apart while records are divided, and put back where they are kept.

A database works on some thousand rows at once, and so would hold as many of these texts as that, each up to
the longest line that a contract allows. What it holds instead is a reference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shanhai.ingest.decode.decoded import RAW_CHARACTERS, REFERENCE
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.row_groups import RowGroups

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 2048
_BYTES = 8 * 2**20
"""What rows that are written, and so read, together may have of long texts, unless one alone has more."""


class LongTexts:
    """The long texts of one pass, in one file that is gone once they are back; `keep` is a `Keep`.

    Args:
        path: of that file; not made without any long text.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._out: BinaryIO | None = None

    def keep(self, text: str) -> str:
        """The text itself where it is short, else a reference to it; nothing else looks like one.

        Raises:
            StoreError: it cannot be written, or the disk is full.
        """
        if len(text) <= RAW_CHARACTERS and not text.startswith(REFERENCE):
            return text
        written = text.encode()
        with disk_errors(self._path.parent):
            if self._out is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                self._out = os.fdopen(os.open(self._path, flags, 0o600), "wb")
            self._out.write(written)
        self._size += len(written)
        return f"{REFERENCE}{self._size - len(written)} {len(written)}"

    def put_back(self, file: Path) -> None:
        """Write a Parquet file anew with the texts that its column `raw` refers to.

        Raises:
            StoreError: it cannot be written, or the disk is full.
        """
        if self._out is None:
            return
        import pyarrow.parquet as pq

        whole = file.with_name(f"{file.name}.whole")
        with disk_errors(file.parent):
            self._out.close()
            with (
                self._path.open("rb") as source,
                pq.ParquetFile(file) as given,
                RowGroups(whole, most_bytes=_BYTES) as taken,
            ):
                for batch in given.iter_batches(_ROWS, use_threads=False):
                    for part in _whole(batch, source):
                        taken.write(part)
            whole.replace(file)
            self._path.unlink()
        self._out = None


def _whole(batch: pa.RecordBatch, source: BinaryIO) -> Iterator[pa.RecordBatch]:
    """The rows of a batch with their long texts, in parts of bounded size."""
    import pyarrow as pa

    at = batch.schema.get_field_index("raw")
    field, texts = batch.schema.field(at), batch.column(at).to_pylist()
    start = 0
    for end in _ends(texts):
        read = pa.array([_read(text, source) for text in texts[start:end]], pa.string())
        yield batch.slice(start, end - start).set_column(at, field, read)
        start = end


def _ends(texts: list[str | None]) -> Iterator[int]:
    """After which rows a part ends."""
    size = 0
    for number, text in enumerate(texts):
        length = _place(text)[1] if _refers(text) else 0
        if length and size and size + length > _BYTES:
            yield number
            size = 0
        size += length
    if texts:
        yield len(texts)


def _read(text: str | None, source: BinaryIO) -> str | None:
    if not _refers(text):
        return text
    start, length = _place(text)
    source.seek(start)
    return source.read(length).decode()


def _refers(text: str | None) -> bool:
    return text is not None and text.startswith(REFERENCE)


def _place(text: str | None) -> tuple[int, int]:
    start, _, length = (text or "").removeprefix(REFERENCE).partition(" ")
    return int(start), int(length)
