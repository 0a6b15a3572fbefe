"""A walk, its books and its report, killed at one write after the other, end as if nobody had killed them.

Each kill finds what those before it left behind. What is left to the scheduler's own tasks, and how tasks are
killed there, is in tests/e2e/test_killed.py.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from durable_writes import UNDER_AIRFLOW, Write
from kill_places import WITH_A_BUILD
from killed_once import killed_at
from little_county import RULES, County
from plain_state import differences, read_state

from shanhai.ids import DatasetId
from shanhai.ingest.node import open_node
from shanhai.ingest.walk import walk
from shanhai.settings import read_settings

WALK, BOOKS, REPORT, LATE = ("pull", "stage", "check", "load"), ("build",), ("report",), ("late",)


def _of(tasks: tuple[str, ...]) -> list[Write]:
    """The writes of some tasks, in the order in which a walk comes by."""
    return [write for task in tasks for write in UNDER_AIRFLOW if write.tasks[0] == task]


def _load(county: County, home: Path) -> None:
    """Walk all datasets, and leave the books behind."""
    node = open_node(read_settings(home=home, federation=county.root))
    for name in RULES:
        walk(node, DatasetId("acounty", name))


@pytest.fixture
def county(tmp_path: Path) -> County:
    made = County(tmp_path, seed=29)
    made.declare(retries=0)
    made.send(1)
    return made


def test_killed_at_each_write_in_turn_it_ends_as_a_clean_one(county: County):
    seed = random.randrange(2**32)
    print(f"seed={seed}")
    chance = random.Random(seed)
    clean, home = county.root / "clean", county.root / "home"
    reached: list[Write] = []

    def kill(tasks: tuple[str, ...], work: Callable[..., object], *given: object) -> None:
        for write in _of(tasks):
            if write not in WITH_A_BUILD:
                when = chance.choice(["before", "after"])
                assert killed_at(write, when, work, *given) == -signal.SIGKILL, (seed, write.name, when)
                reached.append(write)

    kill(WALK, county.run, home, "walk", "--all")
    for one in (clean, home):
        assert county.run(one, "walk", "--all") == 0
    county.send(2)
    for one in (clean, home):
        _load(county, one)
    kill(BOOKS, county.run, home, "reconcile")
    for one in (clean, home):
        assert county.run(one, "reconcile") == 0
    kill(REPORT, county.run, home, "report")
    assert county.run(home, "report") == 0
    kill(LATE, county.late, home)
    assert differences(read_state(clean), read_state(home)) == [], seed
    elsewhere = {write for write in UNDER_AIRFLOW if write.tasks[0] in ("decide", "purge")}
    assert {*reached, *WITH_A_BUILD, *elsewhere} == set(UNDER_AIRFLOW)
