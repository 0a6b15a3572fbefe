"""A build that fails is killed as that is noted: `watch` tries it again, or leaves it to a person."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kill_places import ALONE, EACH, WHEN
from killed_once import killed_at
from little_county import RULES, County
from plain_state import differences, read_state

from shanhai.ingest.node import open_node
from shanhai.ingest.unseen import unseen
from shanhai.settings import read_settings

(NOTED,) = ALONE["test_killed_failing_build"]
FAILED = Path("scratch") / "failed.json"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county whose home has rows that no build has seen."""
    made = County(tmp_path_factory.mktemp("county"), seed=17)
    made.declare(retries=0)
    made.send(1)
    assert made.run(made.root / "home", "walk", "--all") == 0
    return made


@pytest.fixture(scope="module")
def clean(county: County) -> Path:
    """A copy that was published, and knows of no build that failed."""
    home = shutil.copytree(county.root / "home", county.root / "clean")
    publish(county, home)
    return home


@contextmanager
def broken(county: County) -> Iterator[None]:
    """One mart asks for a table that is nowhere, for the time of the block."""
    mart = county.marts / "models" / "marts" / "mart_every_event.sql"
    right = mart.read_text(encoding="utf-8")
    mart.write_text("select 1 as nothing from nowhere", encoding="utf-8")
    try:
        yield
    finally:
        mart.write_text(right, encoding="utf-8")


def publish(county: County, home: Path) -> None:
    for verb in ("build", "publish"):
        assert county.command(home, verb) == 0


def to_follow(county: County, home: Path) -> set[str]:
    """The datasets for which `watch` would have the marts follow."""
    node = open_node(read_settings(home=home, federation=county.root, dbt_project=county.marts))
    return {name.name for name in unseen(node)}


def fail_and_die(county: County, home: Path, when: str) -> None:
    """A build that fails, killed before or after that is noted, in a copy of the home."""
    shutil.copytree(county.root / "home", home)
    with broken(county):
        assert killed_at(NOTED, when, county.run, home, "build") == -signal.SIGKILL
    assert (home / FAILED).exists() == (when == "after")
    assert to_follow(county, home) == (set() if when == "after" else RULES.keys())


@pytest.mark.parametrize("when", WHEN)
def test_a_failing_build_that_was_killed_is_tried_again_unless_it_is_noted(
    county: County, tmp_path: Path, when: str
):
    fail_and_die(county, tmp_path / "home", when)


@pytest.mark.long
@pytest.mark.parametrize("again", range(EACH))
@pytest.mark.parametrize("when", WHEN)
def test_a_failing_build_that_was_killed_is_followed_by_one_that_is_published(
    county: County, clean: Path, tmp_path: Path, when: str, again: int
):
    home = tmp_path / "home"
    fail_and_die(county, home, when)
    publish(county, home)
    assert differences(read_state(clean), read_state(home)) == []
    assert to_follow(county, home) == set()
