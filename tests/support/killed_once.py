"""Work in a process of its own: which durable writes it makes, killed at one, or with its clock set back."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from durable_writes import UNDER_AIRFLOW, WRITES, Write
from under_airflow import SITE, Order

_IMPORTED = ["deltalake", "duckdb", "great_expectations", "shanhai.cli", "little_county"]
"""Once, by the process that all others are copies of."""


def named(name: str) -> Write:
    """A write of the list, by its name."""
    (found,) = (write for write in WRITES if write.name == name)
    return found


def writes_of(work: Callable[..., object], *given: object) -> list[Write]:
    """Do work to its end; returns the writes that were on its way, as they came first.

    A table of a hundred commits is none that `work` has: its checkpoint cannot be told from any commit.
    """
    orders = [_order(write.name, write, "before") for write in UNDER_AIRFLOW]
    with TemporaryDirectory() as folder:
        assert _ended(Path(folder), orders, False, work, given) == 0
        noted = [json.loads(file.read_text(encoding="utf-8")) for file in Path(folder).glob("*.done")]
    came = {one["id"]: one["at"] for one in noted}
    return sorted(
        (write for write in UNDER_AIRFLOW if write.name in came), key=lambda write: came[write.name]
    )


def killed_at(write: Write, when: str, work: Callable[..., object], *given: object) -> int | None:
    """Kill work `before` or `after` a write, the first time that it is there; returns minus the signal."""
    with TemporaryDirectory() as folder:
        return _ended(Path(folder), [_order("once", write, when)], True, work, given)


def undisturbed(work: Callable[..., object], *given: object) -> int | None:
    """Do work to its end; returns the exit code."""
    with TemporaryDirectory() as folder:
        return _ended(Path(folder), [], False, work, given)


def with_clock_back(hours_back: int, work: Callable[..., object], *given: object) -> int | None:
    """Do work to its end with the clock set back as it is for a task under Airflow; returns the exit code."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "hours_back").write_text(str(hours_back), encoding="utf-8")
        return _ended(Path(folder), [], False, work, given)


def _order(name: str, write: Write, when: str) -> Order:
    return Order(name, None, "", write.function, when, write.about, within=write.within)


def _ended(
    folder: Path, orders: list[Order], dies: bool, work: Callable[..., object], given: tuple[object, ...]
) -> int | None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    process = context.Process(target=_watched, args=(folder, orders, dies, work, given))
    process.start()
    process.join(timeout=1800)
    return process.exitcode


def _watched(
    folder: Path, orders: list[Order], dies: bool, work: Callable[..., object], given: tuple[object, ...]
) -> None:
    if dies:
        # Only a process that leads a group of its own is killed with it; of any other it is only noted.
        os.setpgid(0, 0)
    killer = _killer()
    killer.set_clock(folder, "any")
    killer.watch(folder, [asdict(order) for order in orders])
    work(*given)


def _killer() -> ModuleType:
    found = importlib.util.spec_from_file_location("killer", SITE / "sitecustomize.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
