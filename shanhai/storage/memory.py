"""An object store that lives and dies with its process."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shanhai.storage.keys import check_key, check_prefix, missing
from shanhai.storage.protocol import KeyOrNaming, ObjectInfo, Stored


class MemoryStore:
    """Keeps the promises of `ObjectStore` in a dictionary, for tests and trials."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: KeyOrNaming, chunks: Iterable[bytes], *, if_absent: bool = False) -> Stored:
        if isinstance(key, str):
            check_key(key)
        content = b"".join(chunks)
        sha256 = hashlib.sha256(content).hexdigest()
        name = key if isinstance(key, str) else check_key(key(sha256))
        with self._lock:
            created = not (if_absent and name in self._objects)
            if created:
                self._objects[name] = content
        return Stored(key=name, size=len(content), sha256=sha256, created=created)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._content(key))

    @contextmanager
    def local_path(self, key: str) -> Iterator[Path]:
        content = self._content(key)
        with tempfile.TemporaryDirectory(prefix="shanhai-object-") as folder:
            path = Path(folder) / key.rsplit("/", 1)[-1]
            path.write_bytes(content)
            yield path

    def exists(self, key: str) -> bool:
        return check_key(key) in self._objects

    def stat(self, key: str) -> ObjectInfo:
        return ObjectInfo(key=key, size=len(self._content(key)))

    def list(self, prefix: str = "") -> Iterator[str]:
        folder = check_prefix(prefix)
        with self._lock:
            keys = sorted(self._objects)
        yield from (key for key in keys if not folder or key.startswith(folder + "/"))

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(check_key(key), None)

    def _content(self, key: str) -> bytes:
        try:
            return self._objects[check_key(key)]
        except KeyError:
            raise missing(key) from None
