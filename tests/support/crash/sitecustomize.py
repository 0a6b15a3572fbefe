"""Kills the process group of a task before or after a function, once an order says so; sets its clock.

Python imports a module of this name when it starts, where its folder is on PYTHONPATH. In a process that is
no task of Airflow's it does nothing; in a task for which there is no order it does nothing either.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = "SHANHAI_TEST_ORDERS"


class _Killer:
    """Watches the calls of one task process for those that its orders name."""

    def __init__(self, folder: Path, orders: list[dict[str, Any]]) -> None:
        self._folder = folder
        self._orders: dict[str, list[dict[str, Any]]] = {}
        for order in orders:
            name = order["function"].partition(":")[2].rpartition(".")[2]
            self._orders.setdefault(name, []).append(order)

    def __call__(self, frame: FrameType, event: str, given: Any) -> None:
        orders = self._orders.get(frame.f_code.co_name)
        if orders is None or event not in ("call", "return"):
            return
        for order in orders:
            if order["when"] == ("before" if event == "call" else "after") and _is_meant(order, frame):
                self._kill(order)

    def _kill(self, order: dict[str, Any]) -> None:
        """Take the order, note it durably, and die with the whole group of this task."""
        try:
            handle = os.open(
                self._folder / f"{order['id']}.done", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_SYNC, 0o600
            )
        except FileExistsError:
            return
        facts = {"pid": os.getpid(), "group": os.getpgid(0), "of_parent": os.getpgid(os.getppid())}
        os.write(handle, json.dumps({**order, **facts, "at": time.monotonic_ns()}).encode())
        os.close(handle)
        if os.getpgid(0) == os.getpid():
            os.killpg(os.getpgid(0), signal.SIGKILL)


def _is_meant(order: dict[str, Any], frame: FrameType) -> bool:
    module, _, name = order["function"].partition(":")
    if frame.f_globals.get("__name__") != module or frame.f_code.co_qualname != name:
        return False
    caller = frame.f_back.f_code.co_name if frame.f_back else ""
    if order["within"] not in ("", caller):
        return False
    # A table says by its path which one it is.
    texts = [f"{value} {getattr(value, 'path', '')}" for value in frame.f_locals.values()]
    return all(any(wanted in text for text in texts) for wanted in (order["about"], order["of"]))


def _task() -> dict[str, Any] | None:
    """The task that this process was just forked for; None in any other process."""
    frame: FrameType | None = sys._getframe(1)
    forked = False
    while frame is not None:
        name = frame.f_code.co_name
        if name == "start" and frame.f_locals.get("new_process_group"):
            forked = True
        if name == "supervise_task" and forked:
            ti = frame.f_locals["ti"]
            return {"dag": ti.dag_id, "task": ti.task_id, "try": ti.try_number}
        frame = frame.f_back
    return None


def set_clock(folder: Path, dag: str) -> None:
    """Set the clock of this process for a task of a DAG, as the folder of orders says.

    `days` is how far those of a purge go on, `hours_back` how far those of all others are set back.
    """
    on, back = folder / "days", folder / "hours_back"
    if dag == "purge" and on.exists():
        _shift_clock(timedelta(days=int(on.read_text(encoding="utf-8"))))
    elif dag != "purge" and back.exists():
        _shift_clock(-timedelta(hours=int(back.read_text(encoding="utf-8"))))


def _shift_clock(by: timedelta) -> None:
    """For the product and for nothing else: Airflow's own code has the clock of the machine."""
    from shanhai import clock

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + by

    vars(clock)["datetime"] = Shifted


def _arm() -> None:
    task = _task()
    if task is None:
        return
    folder = Path(os.environ[FOLDER])
    set_clock(folder, task["dag"])
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    wanted = [
        order
        for order in found
        if order["task"] == task["task"]
        and order["dag"] in (None, task["dag"])
        and order["tries"] >= task["try"]
        and not (folder / f"{order['id']}.done").exists()
    ]
    if wanted:
        watch(folder, wanted)


def watch(folder: Path, orders: list[dict[str, Any]]) -> None:
    """Carry out orders in this process from now on, in whatever thread."""
    killer = _Killer(folder, orders)
    threading.setprofile(killer)
    sys.setprofile(killer)


if FOLDER in os.environ:
    os.register_at_fork(after_in_child=_arm)
