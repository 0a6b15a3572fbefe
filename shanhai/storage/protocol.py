"""What every object store promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

KeyOrNaming = str | Callable[[str], str]
"""A key, or a function that makes the key from the SHA-256 (hex) of the bytes, known when all are written."""


@dataclass(frozen=True)
class ObjectInfo:
    """An object that is in the store; `size` in bytes."""

    key: str
    size: int


@dataclass(frozen=True)
class Stored:
    """What one `put` did. `sha256` and `size` are those of the bytes given.

    `created` is False when `if_absent` found an object there already, which was then left as it was.
    """

    key: str
    size: int
    sha256: str
    created: bool


class ObjectStore(Protocol):
    """Objects by key: `/`-separated segments, see `shanhai.storage.keys`.

    A reader sees an object whole or not at all, whatever happens to its writer. Stores may be used by many
    threads and processes at once. One key is never used as the folder of another.
    Every method raises `ConfigurationError` for a malformed key and `StoreError` when the store fails.
    """

    def put(self, key: KeyOrNaming, chunks: Iterable[bytes], *, if_absent: bool = False) -> Stored:
        """Store the concatenated chunks; all or nothing, and durable when it returns.

        Holds one chunk in memory at a time. Replaces an object of that key, unless `if_absent`: of several
        writers with `if_absent` exactly one gets `created`. An exception raised by `chunks` passes
        unchanged, and nothing is stored.

        Raises:
            DiskFullError: there is no room; checked beforehand and met on the way.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """A readable, seekable stream of the object as it is now; a later `put` does not change it.

        Raises:
            NotFoundError: there is no such object.
        """
        ...

    def local_path(self, key: str) -> AbstractContextManager[Path]:
        """A file with the object's bytes, to be read only, and only inside the `with` block.

        Raises:
            NotFoundError: there is no such object.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        ...

    def stat(self, key: str) -> ObjectInfo:
        """Size of the object, in bytes.

        Raises:
            NotFoundError: there is no such object.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys in the folder `prefix`, at any depth, in ascending order of their characters.

        `prefix` is a whole folder, not the beginning of a name: `a` lists `a/b`, not `ab`.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...
