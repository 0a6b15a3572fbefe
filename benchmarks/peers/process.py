"""One measured process: without a network, with a time limit, and the memory of its whole tree."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_EVERY = 0.05
"""Seconds between two looks at the memory."""
_QUIET = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "GX_ANALYTICS_ENABLED": "false",
    "SLING_DISABLE_TELEMETRY": "TRUE",
    "DO_NOT_TRACK": "1",
}
"""The documented ways to turn telemetry off."""


class TookTooLongError(Exception):
    """A process was ended because its time was over."""


@dataclass(frozen=True)
class Run:
    """One measurement.

    Attributes:
        steps: seconds and processor seconds by step, as the process itself took them.
        peak_bytes: the greatest sum of resident memory over the process and its children, looked at 20 times
            a second; what they share counts for each.
        counts: what the process counted, by name.
        own_bytes: the same without pages of files and what is shared, where the system tells.
    """

    steps: dict[str, dict[str, float]]
    peak_bytes: int
    counts: dict[str, int] | None = None
    own_bytes: int = 0

    def seconds(self, *names: str) -> float:
        """Of the named steps, else of all."""
        return sum(self.steps[name]["seconds"] for name in names or self.steps)

    def cpu(self, *names: str) -> float:
        """Processor seconds of the named steps, else of all."""
        return sum(self.steps[name]["cpu"] for name in names or self.steps)


def measure(command: list[str], *, root: Path, scratch: Path, limit_seconds: float) -> Run:
    """Run a command that tells its steps as its last line, and ends with all its children.

    Args:
        root: the folder to run in.
        scratch: an existing folder; home and temporary files of the process.

    Raises:
        TookTooLongError: it was ended after `limit_seconds`.
        subprocess.CalledProcessError: it failed.
    """
    log = scratch / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*offline(), *command],
            cwd=root,
            env={**_environment(scratch), **_QUIET},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    watcher = _Memory(process.pid)
    try:
        output, _ = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired as error:
        raise TookTooLongError from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        peak, own = watcher.stop()
    if process.returncode:
        told = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise subprocess.CalledProcessError(process.returncode, command, output, told)
    told_last: dict[str, Any] = json.loads(output.splitlines()[-1])
    return Run(peak_bytes=peak, own_bytes=own, **told_last)


@functools.cache
def offline() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where that is not permitted."""
    program = shutil.which("unshare")
    for flags in (("--net",), ("--map-root-user", "--net")) if program else ():
        before = (str(program), *flags)
        if subprocess.run([*before, "true"], capture_output=True, check=False).returncode == 0:
            return before
    return ()


def _environment(scratch: Path) -> dict[str, str]:
    known = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**known, "HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}


class _Memory:
    """Looks at a process tree until it is told to stop."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = self._own = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[int, int]:
        self._over.set()
        self._thread.join()
        return self._peak, self._own

    def _look(self) -> None:
        import psutil

        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._pid)
            while not self._over.wait(_EVERY):
                tree = [first, *first.children(recursive=True)]
                found = [_resident(one) for one in tree]
                self._peak = max(self._peak, sum(whole for whole, _ in found))
                self._own = max(self._own, sum(own for _, own in found))


def _resident(process: Any) -> tuple[int, int]:
    """Resident bytes, and those of them that are of no file and not shared."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        found = process.memory_info()
        return int(found.rss), int(found.rss - getattr(found, "shared", 0))
    return 0, 0
