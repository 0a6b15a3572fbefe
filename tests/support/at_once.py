"""The same work in several processes at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any


def at_once(work: Callable[..., None], *given: object, processes: int = 2) -> list[Any]:
    """What each of them tells.

    Args:
        work: takes `given`, an event to wait for before it begins, and a queue for the one thing it tells.
    """
    context = multiprocessing.get_context("spawn")
    start, outcome = context.Event(), context.Queue()
    others = [context.Process(target=work, args=(*given, start, outcome)) for _ in range(processes)]
    for other in others:
        other.start()
    start.set()
    told = [outcome.get(timeout=600) for _ in others]
    for other in others:
        other.join()
    return told
