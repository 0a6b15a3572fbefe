"""Tables of no dataset, which a home makes once: killed before and after, each in a home of its own."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from checkpoints import checkpoints, let_checkpoints_come
from kill_places import EACH, MADE_ONCE, WHEN
from killed_once import killed_at, named
from little_county import RULES, County
from plain_state import State, differences, read_state

from shanhai.ids import DatasetId
from shanhai.ingest.node import open_node
from shanhai.ingest.walk import walk
from shanhai.settings import read_settings

WRITTEN_BY_PUBLISH = {
    "lake/_system/publications": "publication",
    "marts/mart_every_visit": "version of a mart",
}
"""Whose commits delta-rs makes itself, with their data files."""
each_table = pytest.mark.parametrize("table", MADE_ONCE)
before_and_after = pytest.mark.parametrize("when", WHEN)


@dataclass(frozen=True)
class Beside:
    """Homes without such a table, by the command that makes it, and what each is when nobody is killed."""

    county: County
    homes: dict[str, Path]
    clean: dict[str, State]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """A county whose rows no book has seen, and the same when it was built and not published."""
    county = County(tmp_path_factory.mktemp("county"), seed=37)
    county.declare(retries=0)
    county.send(2)
    loaded = county.root / "loaded"
    node = open_node(read_settings(home=loaded, federation=county.root))
    for name in RULES:
        walk(node, DatasetId("acounty", name))
    built = shutil.copytree(loaded, county.root / "built")
    assert county.command(built, "build") == 0
    made = Beside(county, {"reconcile": loaded, "publish": built}, {})
    for verb, home in made.homes.items():
        clean = shutil.copytree(home, county.root / f"clean-{verb}")
        assert county.run(clean, verb) == 0
        made.clean[verb] = read_state(clean)
    marts = {f"marts/{mart}" for mart in made.clean["publish"].marts}
    assert marts == {table for table in MADE_ONCE if table.startswith("marts/")}
    return made


def _is_made_by_the_next(beside: Beside, home: Path, table: str, when: str) -> None:
    verb = MADE_ONCE[table]
    shutil.copytree(beside.homes[verb], home)
    assert not list(home.glob(f"{table}/_delta_log/*.json"))
    write = replace(named("table"), about=table)
    assert killed_at(write, when, beside.county.run, home, verb) == -signal.SIGKILL
    logs = sorted(log.name for log in home.glob(f"{table}/_delta_log/*.json"))
    assert logs == (["00000000000000000000.json"] if when == "after" else [])
    assert beside.county.run(home, verb) == 0
    assert differences(beside.clean[verb], read_state(home)) == []
    assert list(home.glob(f"{table}/_delta_log/00000000000000000001.json"))


def _makes_a_checkpoint_again(beside: Beside, home: Path, table: str, when: str) -> None:
    """The table is there before it is published: from then on each of its commits makes a checkpoint."""
    shutil.copytree(beside.homes["publish"], home)
    made, write = (replace(named(name), about=table) for name in ("table", WRITTEN_BY_PUBLISH[table]))
    assert killed_at(made, "after", beside.county.run, home, "publish") == -signal.SIGKILL
    let_checkpoints_come(home, every=1)
    before = len(checkpoints(home / table))
    assert killed_at(write, when, beside.county.run, home, "publish") == -signal.SIGKILL
    assert len(checkpoints(home / table)) - before == (when == "after")
    assert beside.county.run(home, "publish") == 0
    assert differences(beside.clean["publish"], read_state(home)) == []
    assert len(checkpoints(home / table)) == before + 1


@before_and_after
@each_table
def test_a_table_whose_maker_was_killed_is_made_by_the_next(
    beside: Beside, tmp_path: Path, table: str, when: str
):
    _is_made_by_the_next(beside, tmp_path / "home", table, when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@before_and_after
@each_table
def test_the_same_each_time(beside: Beside, tmp_path: Path, table: str, when: str, again: int):
    _is_made_by_the_next(beside, tmp_path / "home", table, when)


@before_and_after
@pytest.mark.parametrize("table", WRITTEN_BY_PUBLISH)
def test_a_publication_that_makes_a_checkpoint_and_was_killed_is_published_by_the_next(
    beside: Beside, tmp_path: Path, table: str, when: str
):
    _makes_a_checkpoint_again(beside, tmp_path / "home", table, when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@before_and_after
@pytest.mark.parametrize("table", WRITTEN_BY_PUBLISH)
def test_a_publication_that_makes_a_checkpoint_each_time(
    beside: Beside, tmp_path: Path, table: str, when: str, again: int
):
    _makes_a_checkpoint_again(beside, tmp_path / "home", table, when)
