"""Work in a forked child, which ends with it: only while this process has no threads of a library."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable


def exit_code(work: Callable[[], object]) -> int:
    """How the child ended: 0, 1 where the work failed, or minus the signal that killed it."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        work()
        code = 0
    except Exception:  # noqa: BLE001 -- told to the test, which asserts how the child ended
        traceback.print_exc()
    finally:
        os._exit(code)
