"""No copy of the memory of a process that holds keys."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Let neither this process nor its children leave a core dump, nor others of its user read its memory.

    The limit is one byte and not none: Linux passes the core of a process without room for one to a program
    that `core_pattern` names, but never that of a process with room for a single byte.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 1 if most == resource.RLIM_INFINITY else min(1, most)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
    # Where somebody else has set the limit to none, it stays so, and the core would go to that program.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)
