"""How far a long call has come: one line on standard error, once the call has taken two seconds."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shanhai.ingest.node import Progress

_PATIENCE = 2.0
_EVERY = 0.2
_ERASED = "\r\x1b[K"
_SHOWN = 2


@dataclass
class _Line:
    """A line that a thread writes over and over; what is done is left out of it."""

    started: float = field(default_factory=time.monotonic)
    told: dict[str, tuple[int, int]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    ended: threading.Event = field(default_factory=threading.Event)
    wrote: bool = False

    def tell(self, what: str, done: int, of: int) -> None:
        with self.lock:
            if done >= of > 0:
                self.told.pop(what, None)
                if not self.told:
                    self.erase()
            else:
                self.told[what] = (done, of)

    def erase(self) -> None:
        with self.lock:
            if self.wrote:
                print(_ERASED, end="", file=sys.stderr, flush=True)  # noqa: T201
                self.wrote = False

    def draw(self) -> None:
        """Write it until the call has ended."""
        while not self.ended.wait(_EVERY):
            with self.lock:
                if self.told and time.monotonic() - self.started > _PATIENCE:
                    print(f"{_ERASED}{self._text()}", end="", file=sys.stderr, flush=True)  # noqa: T201
                    self.wrote = True

    def _text(self) -> str:
        shown = list(self.told.items())[-_SHOWN:]
        parts = (f"{what}: {done:,}{f' of {of:,}' if of else ''}" for what, (done, of) in shown)
        # A count may stand still for long: the seconds tell that the call does not.
        passed = f"{time.monotonic() - self.started:,.0f} s"
        return " · ".join((passed, *parts))[: shutil.get_terminal_size().columns - 1]


_lines: list[_Line] = []


def tell(what: str, done: int, of: int) -> None:
    """Tell what is worked at, how much is done, and of how much (0: nobody knows); done at last, it goes."""
    if _lines:
        _lines[-1].tell(what, done, of)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Take the line away while something else is printed; it comes again by itself."""
    if not _lines:
        yield
        return
    with _lines[-1].lock:
        _lines[-1].erase()
        yield


@contextlib.contextmanager
def telling() -> Iterator[Progress]:
    """Show what is told meanwhile, on a terminal; elsewhere say nothing, so that logs stay short."""
    if _lines or not sys.stderr.isatty():
        yield tell
        return
    line = _Line()
    drawing = threading.Thread(target=line.draw, name="progress", daemon=True)
    _lines.append(line)
    drawing.start()
    try:
        yield tell
    finally:
        line.ended.set()
        drawing.join()
        line.erase()
        _lines.remove(line)
