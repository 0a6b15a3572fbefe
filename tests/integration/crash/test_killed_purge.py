"""A purge that is killed at one of its writes is finished by the next; the days go by in its clock."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from durable_writes import WRITES, Write
from killed_once import killed_at
from little_county import County
from plain_state import differences, read_state

DAYS = 400
COMMIT = "commit of a delivery"
POINTS = [
    (write, when)
    for write in WRITES
    if "purge" in write.tasks or write.name == COMMIT
    for when in ("before", "after")
]
IDS = [f"{when} {write.name}" for write, when in POINTS]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county whose home has rows, and files that retention lets go after a year."""
    made = County(tmp_path_factory.mktemp("county"), seed=13)
    made.declare(retries=0)
    for number in (2, 3):
        made.send(number)
        assert made.run(made.root / "home", "walk", "--all") == 0
    return made


@pytest.fixture(scope="module")
def clean(county: County) -> Path:
    """A copy that was purged undisturbed."""
    home = shutil.copytree(county.root / "home", county.root / "clean")
    assert county.purge(home, days=DAYS) > 3
    return home


def _purge(county: County, home: Path) -> None:
    county.purge(home, days=DAYS)


def _files(home: Path) -> set[str]:
    return {
        file.relative_to(home).as_posix()
        for part in ("snapshots", "quarantine", "staged", "lake/_system/quarantine")
        for file in (home / part).rglob("*")
        if file.is_file() and file.suffix != ".json"
    }


def _is_finished_by_the_next(county: County, clean: Path, home: Path, write: Write, when: str) -> None:
    shutil.copytree(county.root / "home", home)
    assert killed_at(write, when, _purge, county, home) == -signal.SIGKILL
    county.purge(home, days=DAYS)
    assert differences(read_state(clean), read_state(home)) == []
    assert _files(home) == _files(clean)
    assert county.purge(home, days=DAYS) == 0


@pytest.mark.parametrize(("write", "when"), POINTS, ids=IDS)
def test_a_killed_purge_is_finished_by_the_next(
    county: County, clean: Path, tmp_path: Path, write: Write, when: str
):
    _is_finished_by_the_next(county, clean, tmp_path / "home", write, when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(4))
@pytest.mark.parametrize(("write", "when"), POINTS, ids=IDS)
def test_a_killed_purge_is_finished_by_the_next_each_time(
    county: County, clean: Path, tmp_path: Path, write: Write, when: str, again: int
):
    _is_finished_by_the_next(county, clean, tmp_path / "home", write, when)
