"""What a Parquet writer writes into: a file, and the digest of what went there."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO


class HashedSink:
    """A file-like object that hashes and counts what goes through, and never reads, seeks or closes."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._digest.update(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        return self.size

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The file belongs to the caller."""

    def digest(self) -> str:
        return self._digest.hexdigest()
