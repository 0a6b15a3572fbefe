"""A purge that is killed at one of its writes is finished by the next; the days go by in its clock."""

from __future__ import annotations

import random
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from durable_writes import WRITES, Write
from killed_once import killed_at
from little_county import County
from plain_state import State, differences, read_state

DAYS = 400
COMMIT = "commit of a delivery"
WHEN = ("before", "after")
OF_A_PURGE = [write for write in WRITES if "purge" in write.tasks or write.name == COMMIT]


@dataclass(frozen=True)
class Purged:
    """What a purge leaves that nobody killed."""

    state: State
    files: set[str]


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
def clean(county: County) -> Purged:
    """That of a copy of the home."""
    home = shutil.copytree(county.root / "home", county.root / "clean")
    assert county.purge(home, days=DAYS) > 3
    return Purged(read_state(home), _files(home))


def _purge(county: County, home: Path) -> None:
    county.purge(home, days=DAYS)


def _files(home: Path) -> set[str]:
    return {
        file.relative_to(home).as_posix()
        for part in ("snapshots", "quarantine", "staged", "lake/_system/quarantine")
        for file in (home / part).rglob("*")
        if file.is_file() and file.suffix != ".json"
    }


def _is_finished_by_the_next(county: County, clean: Purged, home: Path, write: Write, when: str) -> None:
    shutil.copytree(county.root / "home", home)
    assert killed_at(write, when, _purge, county, home) == -signal.SIGKILL
    county.purge(home, days=DAYS)
    assert differences(clean.state, read_state(home)) == []
    assert _files(home) == clean.files
    assert county.purge(home, days=DAYS) == 0


@pytest.mark.parametrize("write", OF_A_PURGE, ids=lambda write: write.name)
def test_a_killed_purge_is_finished_by_the_next(county: County, clean: Purged, tmp_path: Path, write: Write):
    when = random.choice(WHEN)
    print(f"killed {when} it")
    _is_finished_by_the_next(county, clean, tmp_path / "home", write, when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(5))
@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("write", OF_A_PURGE, ids=lambda write: write.name)
def test_a_killed_purge_is_finished_by_the_next_each_time(
    county: County, clean: Purged, tmp_path: Path, write: Write, when: str, again: int
):
    _is_finished_by_the_next(county, clean, tmp_path / "home", write, when)
