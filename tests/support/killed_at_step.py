"""Work in a forked child that kills itself before one of its durable steps, counted from the first."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from shanhai.applications import switching
from shanhai.audit import database

MOST_STEPS = 240
"""More than any work here has: who counts so far has found no end."""


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Do it in a child that dies before its so manieth durable step; False: it had no such step, and ended.

    Only while this process has no threads of a library.
    """
    pid = os.fork()
    if pid:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, -signal.SIGKILL)
        return code != 0
    code = 1
    try:
        _kill_before(step)
        act()
        code = 0
    except Exception:  # noqa: BLE001 -- told to the test, which asserts how the child ended
        traceback.print_exc()
    finally:
        os._exit(code)


def _kill_before(step: int) -> None:
    """Count commits, syncs, exchanges, renames and every removal; die before the one of that number."""
    done = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            nonlocal done
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return call(*given, **named)

        return wrapped

    database._commit = counted(database._commit)
    switching.exchange = counted(switching.exchange)
    for name in ("fsync", "rename", "replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
