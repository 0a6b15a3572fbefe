"""What servers that tests start have in common: they end with the session, also where it is killed."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil


def bound(command: Sequence[str | Path], how: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command of a process that gets the signal when the one that starts it is gone.

    Linux sends it; what it starts itself is its own business. Elsewhere the command is as it was.
    """
    told = [str(part) for part in command]
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", how.name.removeprefix("SIG"), "--", *told] if setpriv else told


def kill_children(pid: int) -> None:
    """Kill what a process started, as far as it has not ended meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                child.kill()


def answers(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
