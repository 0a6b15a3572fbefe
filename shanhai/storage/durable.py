"""One file written whole and durably: after it returns, a power cut changes nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from shanhai.storage.disk import disk_errors


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, readable by its owner alone; a reader sees the old file or the new one.

    Folders that are missing are made, mode 0700.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    with disk_errors(path.parent):
        make_folders(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, mode 0700, so that they survive a power cut."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
