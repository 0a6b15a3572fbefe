"""How often files of a folder are opened, by whatever library: the kernel tells it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEADER = struct.Struct("iIII")
_IN_OPEN, _IN_Q_OVERFLOW, _IN_ISDIR = 0x20, 0x4000, 0x40000000


@dataclass
class Opened:
    """The names of the files that were opened while the block ran; one twice in a row may be told once."""

    names: list[str] = field(default_factory=list)


@contextlib.contextmanager
def opened_in(folder: Path) -> Iterator[Opened]:
    """Count what is opened in a folder (inotify(7)), its own listing and folders below left out."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(folder), _IN_OPEN) < 0:
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
        if not mask & _IN_ISDIR:
            yield data[place : place + length].rstrip(b"\0").decode()
        place += length
