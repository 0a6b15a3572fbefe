"""Disks that are full when a test says so: a file system of our own, or a limit on the size of files."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

_SIZE = 64 * 2**20


class SmallDisk(Protocol):
    """A folder, and how much may still be written there."""

    folder: Path

    def leave(self, room: int) -> None:
        """Let only `room` bytes be written from now on."""

    def clear(self) -> None:
        """Make room again."""


class MountedDisk:
    """A file system in memory; what is not to be left of it is taken by a file that is in nobody's way."""

    def __init__(self, mounted: Path) -> None:
        self.folder = mounted / "disk"
        self.folder.mkdir()
        self._ballast = mounted / "ballast"

    def leave(self, room: int) -> None:
        self.clear()
        free = os.statvfs(self.folder)
        taken = free.f_bavail * free.f_frsize - room
        with self._ballast.open("wb") as file:
            if taken > 0:
                os.posix_fallocate(file.fileno(), 0, taken)

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write there within the block."""
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    def _remount(self, how: str) -> None:
        place = str(self.folder.parent)
        subprocess.run(["/usr/bin/mount", "-o", f"remount,{how}", place], check=True, capture_output=True)


class LimitedFiles:
    """A folder in a process whose files may not grow beyond a size (setrlimit(2), RLIMIT_FSIZE)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def leave(self, room: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, self._before[1]))

    def clear(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextmanager
def mounted_disk(place: Path, *, size: int = _SIZE) -> Iterator[MountedDisk | None]:
    """A file system of its own in an empty folder; None where this process may not mount any."""
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "shanhai-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield MountedDisk(place)
    finally:
        subprocess.run(["/usr/bin/umount", "--lazy", str(place)], check=True)
