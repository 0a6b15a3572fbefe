"""What a disk can refuse, told as errors that say how to recover."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shanhai.errors import DiskFullError, StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR}
_SAID_OF_A_CLOSED_ONE = tuple(os.strerror(number) for number in (errno.EROFS, errno.EACCES, errno.EPERM))
_SAID_OF_A_FULL_DISK = (*(os.strerror(number) for number in sorted(_FULL)), "max_temp_directory_size")
_MIB = 1 << 20
_MAKE_ROOM = "make room, then run it again: nothing is half-written"


def require_room(folder: Path, needed_bytes: int) -> None:
    """Check that the disk of `folder` (or of its nearest existing parent) has `needed_bytes` left.

    Raises:
        DiskFullError: it has less.
        StoreError: the folder cannot be looked at.
    """
    with disk_errors(folder):
        place = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(place).free
    if free < needed_bytes:
        raise DiskFullError(
            f"the disk of {folder} is full",
            given=f"{_size(free)} free",
            allowed=f"at least {_size(needed_bytes)} free",
            hint=_MAKE_ROOM,
        )


def _size(count: int) -> str:
    return f"{count / _MIB:.1f} MiB" if count >= _MIB else f"{count} bytes"


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into the `StoreError` that names `place` and says what to do."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, place) from error


def disk_error(error: OSError, place: Path) -> StoreError:
    """The error that tells what `error` means for `place`."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return DiskFullError(
            f"the disk of {place} is full",
            given=reason,
            hint=_MAKE_ROOM,
        )
    if error.errno in _CLOSED:
        return _closed(f"{place} cannot be written or read", reason)
    return StoreError(
        f"{place} failed",
        given=reason,
        allowed="a place on a disk that takes files and gives them back",
        hint="name another folder, or look whether its disk is there and whole: df, dmesg",
    )


def _closed(message: str, reason: object) -> StoreError:
    return StoreError(
        message,
        given=reason,
        allowed="a folder that this user may read and write",
        hint="check that it is a folder, who owns it, and whether its file system is mounted read-only",
    )


def says_full(text: str) -> bool:
    """Whether a library tells in its words that a disk is full, since it has no `errno` for us."""
    return any(said in text for said in _SAID_OF_A_FULL_DISK)


def library_error(message: str, error: Exception, *, given: object) -> StoreError:
    """The error for what a library met on a disk and tells in words alone, as delta-rs and DuckDB do.

    Args:
        message: what is not done.
        given: where.
    """
    text = str(error)
    if says_full(text):
        return DiskFullError(f"{message}: the disk is full", given=given, hint=_MAKE_ROOM)
    for said in _SAID_OF_A_CLOSED_ONE:
        if said in text:
            return _closed(f"{message} in {given}", said)
    return StoreError(
        f"{message}: {text.splitlines()[0][:200] if text else type(error).__name__}", given=given
    )
