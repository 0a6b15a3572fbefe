"""Where the long proof kills: before and after each write of each action, in parts that are proven apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from durable_writes import (
    IN_A_BUCKET,
    OF_A_NOTE,
    OF_A_PURGE,
    OF_A_RELEASE,
    OF_A_REPLAY,
    OF_A_WITHDRAWAL,
    OF_AN_APPROVAL,
    UNDER_AIRFLOW,
    WRITES,
    Write,
)

WITH_A_BUILD = tuple(
    write
    for write in UNDER_AIRFLOW
    if write.name in ("scratch of a build", "record of a build") or write.tasks[0] == "publish"
)
"""The writes that CI kills under the scheduler alone, since they need a whole build of the marts."""
EACH = 5
"""How many kills there are at each place, at least."""
AT_RANDOM = 4
"""How many kills of each part come from outside, at random, beside those."""
WHEN = ("before", "after")


def _rare(task: str) -> tuple[Write, ...]:
    return tuple(write for write in WRITES if write.tasks[0] == task)


ALONE: dict[str, tuple[Write, ...]] = {
    "test_killed_failing_build": _rare("failing build"),
    "test_killed_mending": _rare("mending build"),
    "test_killed_checkpoint": _rare("hundredth commit"),
    "test_killed_bucket": IN_A_BUCKET,
}
"""The writes at which no task under Airflow is killed, by the module of tests/integration/crash that does."""
MADE_ONCE = {
    "lake/_system/ledger": "reconcile",
    "lake/_system/quarantine": "reconcile",
    "lake/_system/publications": "publish",
    "marts/mart_every_event": "publish",
    "marts/mart_every_visit": "publish",
    "marts/mart_pool_size": "publish",
}
"""The tables that a home makes once and that are of no dataset, with the command that makes them.

tests/integration/crash/test_killed_tables.py kills there: a task would have to have a new home each time.
"""


@dataclass(frozen=True)
class Place:
    """Before or after a write, on the way of an action.

    Args:
        action: what a person decides, or `purge`; empty for what follows from files that come.
        when: `before` or `after`.
    """

    action: str
    write: Write
    when: str

    @property
    def kind(self) -> str:
        """How the names of the orders to kill there begin."""
        return f"{self.action} {self.write.name} {self.when} ".lstrip()

    @property
    def task(self) -> str:
        """The task that dies."""
        return _TASKS.get(self.action, "decide") if self.action else self.write.tasks[0]

    @property
    def once(self) -> bool:
        """Whether files bring a task there once a contract: a table is made or altered, a contract kept."""
        return not self.action and self.write.name in ("table", "kept contract")


_TASKS = {"purge": "purge"}
"""The task of an action, if it is not the one for decisions."""


def _of_files(*tasks: str) -> tuple[Place, ...]:
    """The places in the tasks that follow from files."""
    writes = (write for write in UNDER_AIRFLOW if write.tasks[0] in tasks)
    return tuple(Place("", write, when) for write, when in product(writes, WHEN))


def _of(action: str, writes: Iterable[Write]) -> tuple[Place, ...]:
    return tuple(Place(action, write, when) for write, when in product(writes, WHEN))


_LOADS = _of_files("pull", "stage", "check", "load")

PARTS: dict[str, tuple[Place, ...]] = {
    "changed contracts": (*(place for place in _LOADS if place.once), *_of("replay", OF_A_REPLAY)),
    "builds": _of_files("build"),
    "publications": _of_files("publish", "report", "late"),
    "releases": _of("release", OF_A_RELEASE),
    "revocations": _of("revoke", OF_A_RELEASE),
    "loads": tuple(place for place in _LOADS if not place.once),
    "verdicts": (
        *_of("approve", OF_AN_APPROVAL),
        *_of("refuse", OF_A_NOTE),
        *_of("withdraw", OF_A_WITHDRAWAL),
        *_of("discard", OF_A_NOTE),
        *_of("reopen", OF_A_NOTE),
    ),
    "purges": _of("purge", OF_A_PURGE),
}
"""The places by part, those that take longest first; each part has a home and an Airflow of its own."""
