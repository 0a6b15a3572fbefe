"""Work in a forked child that kills itself before or after a named function, the first time it is there."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any


def ended(work: Callable[[], object], place: str | None) -> int:
    """How a child ended that works until it reaches the place: its exit code, or minus a signal.

    Only while this process has no threads of a library.

    Args:
        place: `<module>:<qualified name>:before|after`; None: it lives.
    """
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        if place is not None:
            sys.setprofile(_killer(place))
        work()
        code = 0
    except Exception:  # noqa: BLE001 -- told to the test, which asserts how the child ended
        traceback.print_exc()
    finally:
        os._exit(code)


def _killer(place: str) -> Any:
    module, name, when = place.split(":")
    wanted = "call" if when == "before" else "return"

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == wanted and frame.f_code.co_qualname == name and frame.f_globals["__name__"] == module:
            os.kill(os.getpid(), signal.SIGKILL)

    return look
