"""Files being written: unseen until they are whole, and swept when their writer died."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shanhai.storage.disk import disk_errors, require_room
from shanhai.storage.modes import PRIVATE, Modes

_ROOM_CHECK_BYTES = 32 * 2**20


class IncomingFile:
    """A file that its writer alone knows, with the digest and size of what was written so far."""

    def __init__(self, path: Path, stream: BinaryIO, keep_free_bytes: int) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._stream = stream
        self._keep_free_bytes = keep_free_bytes
        self._unchecked_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append a chunk, looking at the room on the disk now and then.

        Raises:
            DiskFullError: less room would be left than has to stay free.
        """
        self._unchecked_bytes += len(chunk)
        if self._unchecked_bytes >= _ROOM_CHECK_BYTES:
            require_room(self.path.parent, self._keep_free_bytes + len(chunk))
            self._unchecked_bytes = 0
        self._digest.update(chunk)
        self.size += len(chunk)
        with disk_errors(self.path.parent):
            self._stream.write(chunk)

    def finish(self) -> None:
        """Make the bytes durable; after it the file may be linked to its name."""
        with disk_errors(self.path.parent):
            self._stream.flush()
            os.fsync(self._stream.fileno())


@contextmanager
def incoming_file(root: Path, keep_free_bytes: int, modes: Modes = PRIVATE) -> Iterator[IncomingFile]:
    """A new file below `root`, removed at the end of the block unless it was renamed away.

    It lies in a folder that no key names, since none begins with a dot.
    """
    require_room(root, keep_free_bytes)
    folder = root / modes.incoming
    with disk_errors(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        path, stream = _created(folder)
        modes.file_made(stream.fileno())
    try:
        yield IncomingFile(path, stream, keep_free_bytes)
    finally:
        # Closing flushes: on a full disk it fails again, after the error that matters. What stays is swept.
        with suppress(OSError):
            stream.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def sweep(root: Path, modes: Modes = PRIVATE) -> int:
    """Remove the files whose writer died, known by the lock that it no longer holds; returns how many."""
    return sweep_folder(root / modes.incoming)


def sweep_folder(folder: Path) -> int:
    """The same for the files of one folder, which may be further names of files that are being written."""
    removed = 0
    with suppress(OSError), _opened(folder) as opened, os.scandir(opened) as entries:
        for entry in entries:
            with suppress(OSError):
                removed += _is_removed(opened, entry.name)
    return removed


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Its descriptor, unless it is a link: others may be able to put one in its place."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_removed(folder: int, name: str) -> bool:
    """Whether it was an orphan: a file that nobody holds. A pipe is none, and nobody is waited for."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)
    return True


def _created(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / uuid.uuid4().hex
        with _opened(folder) as top:
            descriptor = os.open(path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=top)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if os.fstat(descriptor).st_nlink:
            return path, os.fdopen(descriptor, "wb")
        # A sweep came between creation and lock, and took it for an orphan.
        os.close(descriptor)
