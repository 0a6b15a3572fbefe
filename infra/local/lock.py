"""One runner a home: a file lock while it works, and a record of what it started."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.configuration import write_private
from infra.local.layout import Layout
from infra.local.processes import Started, stop
from shanhai.errors import BusyError

_LEFTOVER_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Record:
    """What is running for a home: started by `run` (which stops it) or by `up` (which leaves it)."""

    mode: str
    address: str
    processes: tuple[Started, ...]

    def alive(self) -> bool:
        """Whether any of the processes still runs."""
        return any(process.alive() for process in self.processes)


@contextmanager
def only_runner(layout: Layout) -> Iterator[None]:
    """Hold the home for this process.

    Raises:
        BusyError: another process holds it; the message has its process id.
    """
    with layout.lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"another run is active (pid {holder})",
                given=layout.home,
                hint="wait for it, or set SHANHAI_HOME to another folder",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def read_record(layout: Layout) -> Record | None:
    """What is recorded as running, or None."""
    if not layout.record.is_file():
        return None
    found = json.loads(layout.record.read_text(encoding="utf-8"))
    processes = tuple(Started(**{**one, "log": Path(one["log"])}) for one in found["processes"])
    return Record(found["mode"], found["address"], processes)


def write_record(layout: Layout, mode: str, address: str, processes: Sequence[Started]) -> None:
    """Record what runs now, so that another process can stop it."""
    body = {"mode": mode, "address": address, "processes": [_as_json(one) for one in processes]}
    write_private(layout.record, json.dumps(body, indent=1) + "\n")


def clear_record(layout: Layout) -> None:
    layout.record.unlink(missing_ok=True)


def check_not_up(layout: Layout) -> None:
    """Make sure that nothing started earlier still works in this home.

    What a run left that was killed is stopped here.

    Raises:
        BusyError: `up` was called for this home, and `down` was not.
    """
    record = read_record(layout)
    if record is None:
        return
    if record.mode == "up" and record.alive():
        raise BusyError("Airflow is up for this home", given=record.address, hint="make down")
    stop(record.processes, grace=_LEFTOVER_GRACE_SECONDS)
    clear_record(layout)


def _as_json(process: Started) -> dict[str, object]:
    return {**asdict(process), "log": process.log.as_posix()}
