"""How far a long call has come, on standard error, once it has taken two seconds."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

_PATIENCE = 2.0
_EVERY = 0.2


@contextlib.contextmanager
def telling() -> Iterator[Callable[[str, int, int], None]]:
    """Gives a function that is told what is done, how many, and of how many.

    On a terminal it writes one line over and over; elsewhere it says nothing, so that logs stay short.
    """
    started = told = time.monotonic()
    wrote = False

    def tell(what: str, done: int, of: int) -> None:
        nonlocal told, wrote
        now = time.monotonic()
        if sys.stderr.isatty() and now - started > _PATIENCE and (now - told > _EVERY or done == of):
            print(f"\r\x1b[K{what}: {done:,} of {of:,}", end="", file=sys.stderr, flush=True)  # noqa: T201
            told, wrote = now, True

    try:
        yield tell
    finally:
        if wrote:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201
