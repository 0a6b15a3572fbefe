"""The clock of the machine goes back between and within loads: no row, count or verdict depends on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from killed_once import with_clock_back
from little_county import RULES, County
from plain_state import differences, instants, read_state

from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.pending import pending
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.sidecar import sidecars
from shanhai.settings import read_settings

NOW = datetime(2024, 6, 1, tzinfo=UTC)


def _ticking(begun: datetime, *, back: timedelta) -> Callable[[], datetime]:
    """A clock that goes on by a second a look, and at every tenth look back."""
    looks = 0

    def look() -> datetime:
        nonlocal looks
        looks += 1
        return begun + timedelta(seconds=looks) - back * (looks // 10)

    return look


def _walked(county: County, home: Path, clock: Callable[[], datetime]) -> Node:
    node = open_node(read_settings(home=home, federation=county.root, dbt_project=county.marts), clock=clock)
    for name in RULES:
        walk.walk(node, DatasetId("acounty", name))
    reconcile(node)
    return node


def test_a_clock_that_goes_back_changes_no_row(tmp_path: Path):
    county = County(tmp_path, seed=11)
    county.declare(retries=0)
    for number in range(3):
        county.send(number, files=1)
        _walked(county, tmp_path / "clean", _ticking(NOW, back=timedelta()))
        # Each walk begins an hour before the last one, and its clock goes back as it works.
        clock = _ticking(NOW - timedelta(hours=number), back=timedelta(minutes=7))
        node = _walked(county, tmp_path / "back", clock)
    instants = [one.pulled_at for one in sidecars(node, DatasetId("acounty", "visits"))]
    assert instants != sorted(instants)
    clean = read_state(tmp_path / "clean")
    assert sum(clean.tables["acounty.visits"].values()) > 50
    assert differences(clean, read_state(tmp_path / "back")) == []


def test_a_step_asks_no_clock_whether_its_work_is_done(tmp_path: Path):
    """What was pulled and loaded in the future is known in the past."""
    county = County(tmp_path, seed=12)
    county.declare(retries=0)
    county.send(2)
    node = _walked(county, tmp_path / "home", lambda: NOW)
    before = read_state(tmp_path / "home")
    node = _walked(county, tmp_path / "home", lambda: NOW - timedelta(days=400))
    assert differences(before, read_state(tmp_path / "home")) == []
    assert {name for name in RULES if pending(node, DatasetId("acounty", name))} == set()


def test_what_comes_a_day_earlier_by_the_clock_replaces_what_came_before(tmp_path: Path):
    """Also books, marts and report are made where all that there is seems to lie ahead."""
    county = County(tmp_path, seed=14)
    county.declare(retries=0)
    clean, back = tmp_path / "clean", tmp_path / "back"
    for number in (2, 3):
        county.send(number)
        assert county.run(clean, "walk", "--all") == 0
        hours = 26 if number == 3 else 0
        assert with_clock_back(hours, _follow, county, back) == 0
    for verb in ("build", "publish"):
        assert county.command(clean, verb) == 0
    assert max(instants(back)) - min(instants(back)) > timedelta(hours=25)
    assert differences(read_state(clean), read_state(back)) == []


def _follow(county: County, home: Path) -> None:
    for arguments in (("walk", "--all"), ("build",), ("publish",), ("report",)):
        assert county.run(home, *arguments) == 0, arguments
    county.late(home)
