"""A disk whose calls fail when a test says so, as the kernel would let them fail: EIO."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READS, WRITES = frozenset({"read", "list"}), frozenset({"open", "link", "rename", "mkdir", "remove"})
_EVENTS = {
    "os.link": "link",
    "os.rename": "rename",
    "os.mkdir": "mkdir",
    "os.remove": "remove",
    "os.listdir": "list",
    "os.scandir": "list",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


@dataclass
class UnsteadyDisk:
    """What becomes of calls to the system about names below a folder.

    Attributes:
        fails: asked for each call by its number, from 1, and its kind.
        calls, failed: how many there were.
    """

    folder: str
    fails: Callable[[int, str], bool]
    calls: int = 0
    failed: int = 0

    def see(self, kind: str) -> None:
        """Count a call.

        Raises:
            OSError: it is to fail.
        """
        self.calls += 1
        if self.fails(self.calls, kind):
            self.failed += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))


_now: list[UnsteadyDisk] = []
_hooked: list[bool] = []


@contextmanager
def unsteady(folder: Path, fails: Callable[[int, str], bool]) -> Iterator[UnsteadyDisk]:
    """Let Python's calls about names below a folder fail for the time of the block.

    Python tells of each call before it makes it (PEP 578), and lets it be where that raises.
    """
    if not _hooked:
        # A hook cannot be taken off again: this one does nothing outside of a block.
        sys.addaudithook(_hook)
        _hooked.append(True)
    disk = UnsteadyDisk(str(folder), fails)
    _now.append(disk)
    try:
        yield disk
    finally:
        _now.remove(disk)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _now or (event != "open" and event not in _EVENTS):
        return
    given = arguments[0]
    if not isinstance(given, (str, bytes, os.PathLike)) or not os.fsdecode(given).startswith(_now[-1].folder):
        return
    kind = _EVENTS.get(event) or ("open" if _is_writing(arguments) else "read")
    _now[-1].see(kind)


def _is_writing(arguments: tuple[object, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    return (isinstance(mode, str) and mode[:1] in "wax") or (
        isinstance(flags, int) and bool(flags & _WRITING)
    )
