"""Small records as files: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from shanhai.errors import DiskFullError, StoreError

_CHUNK = 1 << 20


def write_whole(path: Path, text: str) -> None:
    """Replace `path` by `text`; a reader sees the old file or the new one.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", given=path.name) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_room(folder: Path, needed: int, *, reserve: int) -> None:
    """Refuse to start what the disk cannot hold.

    Args:
        folder: where it will be written.
        needed: bytes it will take.
        reserve: bytes that must stay free beside.

    Raises:
        DiskFullError: there is less room.
    """
    stat = os.statvfs(folder)
    free = stat.f_bavail * stat.f_frsize
    if free < needed + reserve:
        raise DiskFullError(
            "the disk has too little room",
            given=f"{free} bytes free",
            allowed=f"{needed + reserve} bytes ({needed} needed, {reserve} kept free)",
            hint="free some room, or set SHANHAI_FREE_DISK_BYTES",
        )
