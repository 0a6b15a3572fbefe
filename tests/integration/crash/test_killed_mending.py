"""A lost file of refused rows is made again, and that is killed on its way: the next one finishes it."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path

import pytest
from durable_writes import Write
from kill_places import ALONE, EACH, WHEN
from killed_once import killed_at
from little_county import RULES, County
from plain_state import State, differences, read_state

from shanhai.ids import DatasetId
from shanhai.ingest.node import open_node
from shanhai.ingest.walk import walk
from shanhai.settings import read_settings

OF_MENDING = ALONE["test_killed_mending"]
each_write = pytest.mark.parametrize("write", OF_MENDING, ids=lambda write: write.name)
before_and_after = pytest.mark.parametrize("when", WHEN)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county whose home has refused rows that no book has seen."""
    made = County(tmp_path_factory.mktemp("county"), seed=31)
    made.declare(retries=0)
    made.send(1)
    node = open_node(read_settings(home=made.root / "home", federation=made.root))
    for name in RULES:
        walk(node, DatasetId("acounty", name))
    return made


@pytest.fixture(scope="module")
def clean(county: County) -> State:
    """A copy of the home that lost nothing, with its books."""
    home = shutil.copytree(county.root / "home", county.root / "clean")
    _bring_up(county, home, "reconcile")
    return read_state(home)


def _bring_up(county: County, home: Path, by: str) -> None:
    """Bring the books up as a build does, or as a purge that lets nothing go."""
    if by == "purge":
        assert county.purge(home, days=0) == 0
    else:
        assert county.run(home, by) == 0


def _left_aside(home: Path) -> list[Path]:
    return [file for file in (home / "scratch" / "recount").rglob("*.parquet") if file.is_file()]


def _is_finished(county: County, clean: State, home: Path, write: Write, when: str, by: str) -> None:
    shutil.copytree(county.root / "home", home)
    lost = random.choice(sorted((home / "quarantine").glob("*.parquet")))
    print(f"lost {lost.name}")
    digest = lost.read_bytes()
    lost.unlink()
    assert killed_at(write, when, _bring_up, county, home, by) == -signal.SIGKILL
    placed = write.name == "quarantine file that was lost" and when == "after"
    assert lost.exists() == placed
    # Whoever died between the staging and its end leaves what was staged.
    assert bool(_left_aside(home)) == ((write.name, when) != ("scratch of a staging aside", "before"))
    _bring_up(county, home, by)
    assert lost.read_bytes() == digest
    assert differences(clean, read_state(home)) == []
    county.purge(home, days=0)
    assert _left_aside(home) == []


@before_and_after
@each_write
def test_a_file_that_is_made_again_and_killed_is_made_by_the_next(
    county: County, clean: State, tmp_path: Path, write: Write, when: str
):
    _is_finished(county, clean, tmp_path / "home", write, when, "reconcile")


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@pytest.mark.parametrize("by", ["reconcile", "purge"])
@before_and_after
@each_write
def test_the_same_each_time(
    county: County, clean: State, tmp_path: Path, write: Write, when: str, by: str, again: int
):
    _is_finished(county, clean, tmp_path / "home", write, when, by)
