"""A commit that makes a checkpoint as well is killed before it, after it, and amid the checkpoint's files."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints import checkpoints, last_checkpoint, let_checkpoints_come
from deltalake import DeltaTable
from kill_places import ALONE, EACH, WHEN
from killed_once import killed_at
from little_county import County
from plain_state import State, differences, read_state, read_table
from watched_home import Act, watched

TABLES = ("lake/acounty/events", "lake/_system/ledger", "lake/_system/quarantine")
ON_SIGHT: dict[str, tuple[Act, str]] = {
    "a checkpoint begins": ("appears", r"\d+\.checkpoint\.parquet#1"),
    "it has its name": ("moves here", r"\d+\.checkpoint\.parquet"),
    "it is told": ("appears", r"_last_checkpoint#1"),
}
(CHECKPOINT,) = ALONE["test_killed_checkpoint"]
each_table = pytest.mark.parametrize("table", TABLES)
before_and_after = pytest.mark.parametrize("when", WHEN)


class _Alarm(set[tuple[Act, str]]):
    """Stands where names that were seen are kept: at the first one like that it kills."""

    def __init__(self, wanted: tuple[Act, str], process: int) -> None:
        super().__init__()
        self._wanted, self._process = wanted, process

    def add(self, seen: tuple[Act, str]) -> None:
        act, path = self._wanted
        if seen[0] == act and re.fullmatch(path, seen[1]) and seen not in self:
            os.kill(self._process, signal.SIGKILL)
        super().add(seen)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county whose tables get a checkpoint at each commit; files have come that nobody pulled."""
    made = County(tmp_path_factory.mktemp("county"), seed=41)
    made.declare(retries=0)
    made.send(1)
    _bring_up(made, made.root / "home")
    let_checkpoints_come(made.root / "home", every=1)
    made.send(3)
    return made


@pytest.fixture(scope="module")
def clean(county: County) -> State:
    home = shutil.copytree(county.root / "home", county.root / "clean")
    before = {table: checkpoints(home / table) for table in TABLES}
    _bring_up(county, home)
    for table in TABLES:
        assert len(checkpoints(home / table)) > len(before[table]), table
    return read_state(home)


def _bring_up(county: County, home: Path) -> None:
    assert county.run(home, "walk", "--all") == 0
    assert county.run(home, "reconcile") == 0


def _is_whole(county: County, clean: State, home: Path) -> None:
    """Tables are read by their checkpoints, and by their logs alone; then everything is done again."""
    for table in TABLES:
        _is_one_table(home / table)
    _bring_up(county, home)
    assert differences(clean, read_state(home)) == []
    for table in TABLES:
        _is_one_table(home / table)
        assert last_checkpoint(home / table) == DeltaTable((home / table).as_posix()).version()


def _is_one_table(folder: Path) -> None:
    read, told = DeltaTable(folder.as_posix()), read_table(folder)
    assert read.version() == told.version
    names = {uri.rpartition("/")[2] for uri in read.file_uris()}
    assert names == set(told.live[told.version])
    assert (last_checkpoint(folder) or 0) <= told.version


def _ends_whole(county: County, clean: State, home: Path, table: str, when: str) -> None:
    shutil.copytree(county.root / "home", home)
    version, before = read_table(home / table).version, checkpoints(home / table)
    write = replace(CHECKPOINT, about=table)
    assert killed_at(write, when, _bring_up, county, home) == -signal.SIGKILL
    new = [version + 1] if when == "after" else []
    assert checkpoints(home / table) == [*before, *new]
    _is_whole(county, clean, home)


def _ends_whole_on_sight(county: County, clean: State, home: Path, table: str, sight: str) -> None:
    """The kill comes from outside: it may be a little late, and finds whatever there is by then."""
    shutil.copytree(county.root / "home", home)
    version = read_table(home / table).version
    process = multiprocessing.get_context("forkserver").Process(target=_bring_up, args=(county, home))
    with watched(home / table / "_delta_log") as found:
        process.start()
        assert process.pid is not None
        found.seen = _Alarm(ON_SIGHT[sight], process.pid)
        process.join(timeout=1800)
    assert process.exitcode == -signal.SIGKILL
    # The commit stands, as it does when its checkpoint finds no room.
    assert read_table(home / table).version > version
    _is_whole(county, clean, home)


@before_and_after
@each_table
def test_a_commit_with_a_checkpoint_that_was_killed_leaves_a_table_that_is_whole(
    county: County, clean: State, tmp_path: Path, table: str, when: str
):
    _ends_whole(county, clean, tmp_path / "home", table, when)


@pytest.mark.parametrize("sight", ON_SIGHT)
def test_a_checkpoint_that_was_killed_amid_its_files_takes_nothing_back(
    county: County, clean: State, tmp_path: Path, sight: str
):
    _ends_whole_on_sight(county, clean, tmp_path / "home", TABLES[0], sight)


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@before_and_after
@each_table
def test_a_commit_with_a_checkpoint_that_was_killed_each_time(
    county: County, clean: State, tmp_path: Path, table: str, when: str, again: int
):
    _ends_whole(county, clean, tmp_path / "home", table, when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@pytest.mark.parametrize("sight", ON_SIGHT)
@each_table
def test_a_checkpoint_that_was_killed_amid_its_files_each_time(
    county: County, clean: State, tmp_path: Path, table: str, sight: str, again: int
):
    _ends_whole_on_sight(county, clean, tmp_path / "home", table, sight)
