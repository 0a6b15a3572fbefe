"""Work in a forked child that kills itself before or after a named function, the first time it is there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from forked import exit_code


def ended(work: Callable[[], object], place: str | None) -> int:
    """How a child ended that works until it reaches the place: its exit code, or minus a signal.

    Only while this process has no threads of a library.

    Args:
        place: `<module>:<qualified name>:before|after`; None: it lives.
    """

    def act() -> None:
        if place is not None:
            sys.setprofile(_killer(place))
        work()

    return exit_code(act)


def _killer(place: str) -> Any:
    module, name, when = place.split(":")
    wanted = "call" if when == "before" else "return"

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event == wanted and frame.f_code.co_qualname == name and frame.f_globals["__name__"] == module:
            os.kill(os.getpid(), signal.SIGKILL)

    return look
