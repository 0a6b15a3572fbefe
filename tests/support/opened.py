"""Which files of a folder are opened, and about how often, by whatever library: the kernel tells it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEADER = struct.Struct("iIII")
_IN_CLOSE, _IN_OPEN = 0x18, 0x20
_IN_Q_OVERFLOW, _IN_ISDIR = 0x4000, 0x40000000


@dataclass
class Opened:
    """The names of the files that were opened while the block ran, one for each time.

    Which names there are is certain. How often is not: the kernel tells once what happens twice in a row, as
    when a thread opens what another has open. What closes is watched as well: a file that is opened, closed
    and opened again is told twice.
    """

    names: list[str] = field(default_factory=list)

    def ending(self, suffix: str) -> set[str]:
        """The files of a kind that were opened, however often each was."""
        return {name for name in self.names if name.endswith(suffix)}


@contextlib.contextmanager
def opened_in(folder: Path) -> Iterator[Opened]:
    """Count what is opened in a folder (inotify(7)), its own listing and folders below left out."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    watched = _IN_OPEN | _IN_CLOSE
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(folder), watched) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    found = Opened()
    try:
        yield found
        with contextlib.suppress(BlockingIOError):
            while data := os.read(descriptor, 1 << 16):
                found.names += _names(data)
    finally:
        os.close(descriptor)


def _names(data: bytes) -> Iterator[str]:
    place = 0
    while place < len(data):
        _, mask, _, length = _HEADER.unpack_from(data, place)
        place += _HEADER.size
        assert not mask & _IN_Q_OVERFLOW, "more was opened than the kernel keeps in mind"
        if mask & _IN_OPEN and not mask & _IN_ISDIR:
            yield data[place : place + length].rstrip(b"\0").decode()
        place += length
