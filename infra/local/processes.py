"""Starting processes in sessions of their own, and leaving none behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE_SECONDS = 15.0
DEATH_SECONDS = 60.0
"""What is killed is dead at once; a machine that is busy may take a while to see to it."""
_LOOK_SECONDS = 0.1
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_BEGUN = 19
"""Place of `starttime` among the fields of `/proc/<pid>/stat` that follow the name (proc(5))."""


@dataclass(frozen=True)
class Started:
    """A process that leads its own session; `created` (see `created_of`) tells it from others with its id."""

    name: str
    pid: int
    created: str
    log: Path

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        process = self.process()
        return process is not None and _running(process)

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants, and whatever else lives in its session when it is gone."""
        found: dict[int, psutil.Process] = {}
        process = self.process()
        if process is None and (psutil.pid_exists(self.pid) or not self._is_of_this_boot()):
            # The session of that number is somebody else's.
            return []
        if process is not None:
            found[self.pid] = process
            # It may end just now: then what it has started is found by its session.
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {one.pid: one for one in process.children(recursive=True)}
        for one in psutil.process_iter():
            if one.pid not in found and _session(one.pid) == self.pid:
                found[one.pid] = one
        return [one for one in found.values() if _running(one)]

    def process(self) -> psutil.Process | None:
        """The process, also a zombie; None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            return process if created_of(self.pid) == self.created else None
        except psutil.NoSuchProcess:
            return None

    def _is_of_this_boot(self) -> bool:
        return self.created.partition(" ")[0] == _boot()


def created_of(pid: int) -> str:
    """When a process began: the boot of the machine, and the ticks of its clock since then.

    Of the wall clock neither depends, which may be set while a process runs. Where the system tells no
    such thing, it is the second by that clock.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return f"{_boot()} {psutil.Process(pid).create_time():.0f}"
    # The name of the program stands in parentheses, and may hold some.
    return f"{_boot()} {stat.rpartition(')')[2].split()[_BEGUN]}"


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "-"


def start(
    name: str, command: Sequence[str], *, environment: dict[str, str], folder: Path, log: Path
) -> Started:
    """Start a command as the leader of a new session, its output in `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    return Started(name, process.pid, created_of(process.pid), log)


def stop_alone(process: Started, *, grace: float = GRACE_SECONDS) -> None:
    """Ask it to end and wait, then kill it and wait; what it has started lives on."""
    if (found := process.process()) is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.terminate()
        if _left([found], grace):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.kill()
            _left([found], DEATH_SECONDS)


def stop(processes: Sequence[Started], *, grace: float = GRACE_SECONDS) -> list[psutil.Process]:
    """Ask all of them to end, wait, then kill what remains; returns what even that left running."""
    families = {one.pid: one for process in processes for one in process.family()}
    for process in processes:
        if process.pid in families:
            with contextlib.suppress(psutil.NoSuchProcess):
                families[process.pid].terminate()
    _left(list(families.values()), grace)
    families |= {one.pid: one for process in processes for one in process.family()}
    for one in families.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    return _left(list(families.values()), DEATH_SECONDS)


def _left(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that run when all have ended, or when the seconds are over; a zombie has ended."""
    until, left = time.monotonic() + seconds, processes
    while left and time.monotonic() < until:
        left = [one for one in psutil.wait_procs(left, timeout=_LOOK_SECONDS)[1] if _running(one)]
    return left


def _running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
