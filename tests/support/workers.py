"""Processes that each run the command line again and again, so that many can do so at the same moment."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

_IMPORTED = [
    "deltalake",
    "duckdb",
    "great_expectations",
    "pyarrow.parquet",
    "shanhai.cli",
    "shanhai.ingest.replay",
    "shanhai.ingest.walk",
    "shanhai.quality.great",
]
"""Once, by the process that all others are forked from."""


@dataclass(frozen=True)
class Done:
    """What became of one command: its exit code, and when it began and ended on the machine's clock."""

    code: int
    began: float
    ended: float


@dataclass(frozen=True)
class Workers:
    """Processes that wait for commands, each at the end of its line."""

    lines: Sequence[Connection]

    def at_once(self, commands: Sequence[Sequence[str]]) -> list[Done]:
        """Run one command in each process; all begin together."""
        assert len(commands) <= len(self.lines)
        chosen = self.lines[: len(commands)]
        for line, command in zip(chosen, commands, strict=True):
            line.send(list(command))
        return [line.recv() for line in chosen]


@contextmanager
def workers(number: int, log: Path) -> Iterator[Workers]:
    """Processes for the time of the block; what they say goes to a file."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    pipes = [context.Pipe() for _ in range(number)]
    crew = [context.Process(target=_work, args=(far, str(log)), daemon=True) for _, far in pipes]
    for process in crew:
        process.start()
    try:
        yield Workers([near for near, _ in pipes])
    finally:
        for process in crew:
            process.kill()
            process.join()


def _work(commands: Connection, log: str) -> None:
    from shanhai.cli import main

    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    while True:
        try:
            command = commands.recv()
        except EOFError:
            return
        began = time.monotonic()
        code = main(command)
        commands.send(Done(code, began, time.monotonic()))
