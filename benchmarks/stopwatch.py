"""Seconds and processor seconds of named steps, by the standard library: it runs in every environment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Times steps of a process. Processor seconds are those of its threads and of children it waited for."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what runs inside, under a name."""
        started, worked = time.perf_counter(), busy_seconds()
        yield
        self.steps[name] = {"seconds": time.perf_counter() - started, "cpu": busy_seconds() - worked}

    def tell(self, **facts: object) -> None:
        """Print the steps and what else is known as the last line of the output, in JSON."""
        print(json.dumps({"steps": self.steps, **facts}), flush=True)


def busy_seconds() -> float:
    """Processor seconds so far, in the kernel too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
