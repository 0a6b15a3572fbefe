"""Small records as files, written whole or not at all, and the folders in which they lie."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shanhai.errors import BusyError
from shanhai.storage.disk import disk_errors

_CHUNK = 1 << 20


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text`; a reader sees the old file or the new one.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def gone_if_it_fails(folder: Path, stem: str) -> Iterator[None]:
    """Remove the files whose names begin with `stem`, which nobody else uses, when the block fails.

    Files that no commit refers to harm nobody, but take room where there may be none.
    """
    try:
        yield
    except Exception:
        with contextlib.suppress(OSError):
            for file in folder.glob(f"{stem}*"):
                file.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def in_turn(folder: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold a folder, made if it is not there; whoever else comes waits. Freed when the process ends.

    Args:
        shared: others who share it may come in; whoever wants it alone waits for all of them.
        wait: False: do not wait.

    Raises:
        BusyError: somebody else holds it, and waiting is not wanted.
        StoreError: the folder cannot be made.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("somebody else works there", given=folder.name, hint="try again later") from error
        yield
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
