"""Files of a set as private copies, hashed while they come and again through the handle that is read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shanhai.courier.progress import Tell, metered, silent
from shanhai.errors import NotFoundError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.sets import SetFile, SetStatement, check_files
from shanhai.storage.disk import disk_errors, require_room

if TYPE_CHECKING:
    from shanhai.courier.relays.layout import Relay

_CHUNK_BYTES = 1 << 20


def fetch(
    relay: Relay, statement: SetStatement, folder: Path, *, keep_free_bytes: int, tell: Tell = silent
) -> None:
    """Copy the files of a set into a private folder, and check what can be checked without a key.

    No file is asked for but those that the verified statement names. One that is there already, whole, from
    a run that was cut off, is not asked for again. A file that is longer than it may be is not read further.

    Args:
        folder: of this node alone, mode 0700.

    Raises:
        Refused: file-omitted, size-lies, file-altered, at stage set; the codes of `outline` at stage
            contents: these are the bytes that were signed, and no relay will ever give others.
        DiskFullError: the disk has no room for it.
        RetryableError: the relay failed.
    """
    found: dict[str, tuple[int, str]] = {}
    with metered(tell, "bytes fetched", sum(one.size for one in statement.files)) as add:
        for one in statement.files:
            path = folder / one.name
            found[one.name] = _whole_already(path, one, add) or _copied(
                relay, one, path, keep_free_bytes, add
            )
            _check_outline(path, one)
    check_files(statement, found)


@contextmanager
def verified(path: Path, one: SetFile) -> Iterator[BinaryIO]:
    """A fetched file, open for reading, whose bytes were hashed through this very handle.

    Raises:
        Refused: changed-between-hash-and-parse: its bytes are not the signed ones, or it was changed while
            the block ran; then whatever the block found is worth nothing.
    """
    with opened(path) as file:
        before = _identity(file)
        if digest_through(file) != (one.size, one.sha256):
            raise Refused("changed-between-hash-and-parse")
        try:
            yield file
        except Refused:
            _check_unchanged(file, before)
            raise
        _check_unchanged(file, before)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file of a private folder, which must be a file and no link to one.

    Raises:
        StoreError: it is not there, or no file.
    """
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("changed-between-hash-and-parse")
        yield file


@dataclass(frozen=True)
class _Identity:
    """What the kernel says of an open file: nobody can write to it, or link it, and leave this as it was."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def _identity(file: BinaryIO) -> _Identity:
    now = os.fstat(file.fileno())
    return _Identity(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def _check_unchanged(file: BinaryIO, before: _Identity) -> None:
    if _identity(file) != before:
        raise Refused("changed-between-hash-and-parse") from None


def digest_through(file: BinaryIO, add: Callable[[int], None] | None = None) -> tuple[int, str]:
    """Size and SHA-256 of an open file, read from its beginning through this handle.

    Args:
        add: is told how many bytes more were read.
    """
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        if add is not None:
            add(len(chunk))
    return os.fstat(file.fileno()).st_size, digest.hexdigest()


def _check_outline(path: Path, one: SetFile) -> None:
    with opened(path) as file:
        try:
            outline(file, one.size)
        except Refused as refusal:
            raise Refused(refusal.code, stage=Stage.CONTENTS, field=refusal.field, given=one.name) from None


def _whole_already(path: Path, one: SetFile, add: Callable[[int], None]) -> tuple[int, str] | None:
    if not path.is_file():
        return None
    with opened(path) as file:
        if digest_through(file) == (one.size, one.sha256):
            add(one.size)
            return one.size, one.sha256
    path.unlink()
    return None


def _copied(
    relay: Relay, one: SetFile, path: Path, keep_free_bytes: int, add: Callable[[int], None]
) -> tuple[int, str]:
    require_room(path.parent, one.size + keep_free_bytes)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        size, sha256 = _poured(relay, one, part, add)
        if size != one.size:
            raise Refused("size-lies", given=one.name)
        if sha256 != one.sha256:
            raise Refused("file-altered", given=one.name)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return size, sha256


def _poured(relay: Relay, one: SetFile, part: Path, add: Callable[[int], None]) -> tuple[int, str]:
    """Bytes that came, at most one more than there should be, and their digest."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        try:
            with relay.file(one.sha256) as source:
                while size <= one.size and (chunk := source.read(min(_CHUNK_BYTES, one.size + 1 - size))):
                    digest.update(chunk)
                    size += len(chunk)
                    with disk_errors(part.parent):
                        target.write(chunk)
                    add(len(chunk))
        except NotFoundError:
            raise Refused("file-omitted", given=one.name) from None
        except Refused:
            # The relay has more than any file may have; the statement says less.
            raise Refused("size-lies", given=one.name) from None
        with disk_errors(part.parent):
            target.flush()
    return size, digest.hexdigest()
