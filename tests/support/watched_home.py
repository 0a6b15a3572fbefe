"""What happens to the names below a folder, as Linux itself tells it: files made, moved and removed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

Act = Literal["appears", "moves away", "moves here", "goes"]

_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IS_FOLDER = 0x4000, 0x40000000
_ACTS: dict[int, Act] = {
    _CREATE: "appears",
    _MOVED_FROM: "moves away",
    _MOVED_TO: "moves here",
    _DELETE: "goes",
}
_EVENT = struct.Struct("iIII")
assert set(_ACTS.values()) == set(get_args(Act))


@dataclass
class Watched:
    """What was seen so far: an act and a path relative to the folder, each pair once."""

    root: Path
    seen: set[tuple[Act, str]] = field(default_factory=set)


class _Watcher:
    """inotify(7) over a folder and every folder that appears in it."""

    def __init__(self, root: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_CLOEXEC)
        assert self._handle >= 0, os.strerror(ctypes.get_errno())
        self._folders: dict[int, Path] = {}
        self.watched = Watched(root)
        self._add(root)

    def work(self) -> None:
        """Read events until the folder's end mark appears."""
        while True:
            data = os.read(self._handle, 1 << 20)
            offset = 0
            while offset < len(data):
                number, mask, _, size = _EVENT.unpack_from(data, offset)
                name = data[offset + _EVENT.size : offset + _EVENT.size + size].rstrip(b"\0").decode()
                offset += _EVENT.size + size
                assert not mask & _OVERFLOW, "more happened than the kernel could tell"
                if name == ".end":
                    os.close(self._handle)
                    return
                self._see(self._folders[number] / name, mask)

    def _see(self, path: Path, mask: int) -> None:
        if mask & _IS_FOLDER:
            if mask & (_CREATE | _MOVED_TO):
                self._add(path)
            return
        for bit, act in _ACTS.items():
            if mask & bit:
                self._note(act, path)

    def _add(self, folder: Path) -> None:
        """Watch a folder; what came into it before it was watched has appeared, too."""
        wanted = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
        number = self._libc.inotify_add_watch(self._handle, os.fsencode(folder), wanted)
        if number < 0:
            return
        self._folders[number] = folder
        with contextlib.suppress(FileNotFoundError):
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    self._add(path)
                elif folder != self.watched.root or path.name != ".end":
                    self._note("appears", path)

    def _note(self, act: Act, path: Path) -> None:
        self.watched.seen.add((act, path.relative_to(self.watched.root).as_posix()))


@contextmanager
def watched(root: Path) -> Iterator[Watched]:
    """Watch all names below an existing folder for the time of the block."""
    watcher = _Watcher(root)
    thread = threading.Thread(target=watcher.work, daemon=True)
    thread.start()
    try:
        yield watcher.watched
    finally:
        (root / ".end").touch()
        thread.join(timeout=300)
        (root / ".end").unlink()
    assert not thread.is_alive()
