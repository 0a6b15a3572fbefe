"""How far a long act of the exchange has come, for whoever looks; nothing here knows of terminals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

Tell = Callable[[str, int, int], None]
"""Told what is worked at, how much of it is done, and of how much; 0: nobody knows."""


def silent(_what: str, _done: int, _of: int) -> None:
    """Nobody looks."""


@contextlib.contextmanager
def metered(tell: Tell, what: str, of: int) -> Iterator[Callable[[int], None]]:
    """Count up while it is told; when the block is left, also by an error, it is told as done.

    Args:
        of: how much there is to do, in the unit that `what` names; 0: nobody knows.

    Yields:
        What is to be told how much more is done.
    """
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        tell(what, done, of)

    add(0)
    try:
        yield add
    finally:
        # Less may have been there than was reckoned with, and nothing is done of nothing.
        tell(what, max(of, 1), max(of, 1))
