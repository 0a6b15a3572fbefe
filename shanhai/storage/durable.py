"""One file written whole and durably: after it returns, a power cut changes nothing."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from shanhai.errors import ConfigurationError
from shanhai.storage.disk import disk_errors


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, readable by its owner alone; a reader sees the old file or the new one.

    Folders that are missing are made, mode 0700.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    with disk_errors(path.parent):
        make_folders(path.parent)
        _replace(path, data, 0o600)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, where a person says; its folder must be there.

    Nothing is left of a file that could not be written whole.

    Raises:
        ConfigurationError: there is one already, which may be anything.
        StoreError: the folder cannot be written, or the disk is full.
    """
    with disk_errors(path.parent):
        try:
            file = path.open("xb")
        except FileExistsError:
            raise ConfigurationError("there is a file already", given=path, hint="name another one") from None
        try:
            with file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Replace what a person's file holds, or make it; whoever reads it finds all of the old or of the new.

    Its mode stays, and so does a link to it; a new file has the mode that the umask leaves. What is there and
    no file, a pipe or a device, is written to. The folder must be there.

    Raises:
        StoreError: the folder cannot be written, or the disk is full; then the file is as it was.
    """
    with disk_errors(path.parent):
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        _replace(path, text.encode(), _mode_for(path))


def _replace(path: Path, data: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _mode_for(path: Path) -> int:
    """The mode of a file that is there, or the one that a new file would be given."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, mode 0700, so that they survive a power cut."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Make the bytes of a file survive a power cut, whoever wrote them."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
