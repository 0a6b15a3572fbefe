"""Work in a forked child that kills itself before one of its durable steps, counted from the first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

from forked import exit_code

from shanhai.applications import switching
from shanhai.audit import database

MOST_STEPS = 240
"""More than any work here has: who counts so far has found no end."""


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Do it in a child that dies before its so manieth durable step; False: it had no such step, and ended.

    Only while this process has no threads of a library.
    """

    def act_until() -> None:
        _count(die_before=step)
        act()

    code = exit_code(act_until)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def steps_of(act: Callable[[], object]) -> list[str]:
    """Do it in a child to its end; gives the name of each durable step, in order."""
    with TemporaryFile("w+") as told:

        def act_and_tell() -> None:
            done = _count()
            act()
            told.write("\n".join(done))
            told.flush()

        assert exit_code(act_and_tell) == 0
        told.seek(0)
        return told.read().split("\n")


def _count(*, die_before: int | None = None) -> list[str]:
    """Note commits, syncs, exchanges, renames and every removal; die before the one of that number."""
    done: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            if len(done) == die_before:
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(name)
            return call(*given, **named)

        return wrapped

    database._commit = counted("commit", database._commit)
    switching.exchange = counted("exchange", switching.exchange)
    for name in ("fsync", "rename", "replace", "unlink", "rmdir"):
        setattr(os, name, counted(name, getattr(os, name)))
    return done
