"""A disk that is full at every step: each says so, leaves nothing half-done, and goes on once it is not.

With several times as much room each time; `-m long` page by page at first.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from little_county import County
from plain_state import State, differences, read_state
from small_disk import LimitedFiles, SmallDisk, mounted_disk

from shanhai.errors import DiskFullError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest import walk
from shanhai.ingest.decide import decide
from shanhai.ingest.discard import discard, reopen
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.purge import purge
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay
from shanhai.report.write import write_report
from shanhai.settings import read_settings
from shanhai.warehouse.build import build
from shanhai.warehouse.last_build import last_build
from shanhai.warehouse.publish import publish

EVENTS = DatasetId("acounty", "events")
WHO = {"by": "Li Wei", "reason": "looked at it"}
Opened = Callable[[Path], Node]
PAGE = 4096
_LAGS = ("the ledger differs from the commits", "the quarantine table differs")
"""Books follow the commits; between two steps they may be behind."""


def _build(node: Node) -> None:
    build(node.settings, node.federation, reconcile=lambda: reconcile(node))


def _of(node: Node, verdict: str, partition: str = "") -> DeliveryId:
    """The first delivery of a verdict, of one partition if it is named."""
    told = read_state(node.home).verdicts.items()
    known = sorted((DeliveryId.parse(name) for name, found in told if found == verdict), key=str)
    return next(one for one in known if partition in ("", one.partition))


def _purge(node: Node) -> None:
    """As it will be when all that was refused and kept is old enough to go."""
    then = datetime.now(UTC) + timedelta(days=400)
    purge(replace(node, clock=lambda: then), node.federation.datasets)


STEPS: dict[str, Callable[[Node], object]] = {
    "pull": lambda node: walk.pull_step(node, EVENTS, None),
    "stage": lambda node: walk.stage_step(node, EVENTS),
    "check": lambda node: walk.check_step(node, EVENTS),
    "load": lambda node: walk.load_step(node, EVENTS),
    "reconcile": reconcile,
    "build": _build,
    "publish": lambda node: publish(node.settings, last_build(node.settings), node.clock),
    "report": write_report,
    "refuse": lambda node: decide(node, _of(node, "held"), "refuse", **WHO),
    "approve": lambda node: decide(node, _of(node, "refused"), "approve", **WHO),
    "withdraw": lambda node: decide(node, _of(node, "accepted", "p000a"), "withdraw", **WHO),
    "release": lambda node: release(node, _of(node, "accepted", "p009a"), ["n.range"], **WHO),
    "revoke": lambda node: revoke(node, _of(node, "accepted", "p009a"), **WHO),
    "discard": lambda node: discard(node, _of(node, "accepted", "p000b"), rules=["n.type"], **WHO),
    "reopen": lambda node: reopen(node, _of(node, "accepted", "p000b"), rules=["n.type"], **WHO),
    "replay": lambda node: replay(node, _of(node, "accepted", "p000b"), **WHO),
    "purge": _purge,
}

UP_TO_THE_BOOKS = ["pull", "stage", "check", "load", "reconcile"]
WALK = [*UP_TO_THE_BOOKS, "build", "publish", "report"]
DECISIONS = ["refuse", "approve", "withdraw", "release", "revoke", "discard", "reopen", "replay"]
SLOW = ("build", "report", "release", "revoke", "replay", "purge")


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    place = County(tmp_path_factory.mktemp("county"), seed=11)
    place.declare(retries=1)
    return place


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small file system; where this user may mount none, a limit on the size of files has to do."""
    with mounted_disk(tmp_path) as mounted:
        yield mounted or LimitedFiles(tmp_path)


@pytest.fixture
def opened(county: County, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A node of the county that fills its disk to the last byte."""
    monkeypatch.setenv("SHANHAI_FREE_DISK_BYTES", "0")
    monkeypatch.setenv("SHANHAI_DBT_PROJECT", str(county.marts))
    return lambda home: open_node(read_settings(home=home, federation=county.root))


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["coarse", "page by page"])
def fine(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def rooms(name: str, *, fine: bool) -> Iterator[int]:
    """Bytes to leave, more each time: `fine` is page by page at first; coarser where a try is slow."""
    if name in SLOW:
        yield from (0, *(PAGE << power for power in (range(1, 20, 3) if fine else range(4, 20, 5))))
    elif fine:
        yield from range(0, 8 * PAGE, PAGE)
        yield from (PAGE << power for power in range(3, 15))
    else:
        yield from (0, *(PAGE << power for power in range(2, 16, 4)))


def squeezed(disk: SmallDisk, node: Node, name: str, *, fine: bool) -> list[int]:
    """Do one step with more and more room until it succeeds; the rooms that were too small."""
    before, small = read_state(node.home), []
    for room in rooms(name, fine=fine):
        gc.collect()  # what was removed takes room for as long as somebody has it open
        disk.leave(room)
        try:
            STEPS[name](node)
        except DiskFullError:
            small.append(room)
        else:
            return small
        finally:
            disk.clear()
        look_at(name, before, read_state(node.home))
    raise AssertionError("there is always room in the end")


def look_at(name: str, before: State, now: State) -> None:
    """After a step that failed only whole commits are there, and where it has none to make, nothing new."""
    assert [fault for fault in now.faults if not fault.startswith(_LAGS)] == []
    if name not in ("reconcile", "purge"):
        # Files of refused rows are given their names before the commit, the same ones each time.
        assert now.orphans == 0
    if name not in ("pull", "purge"):
        assert now.snapshots == before.snapshots
    if name != "load":
        assert (now.nets, now.verdicts, rows(now)) == (before.nets, before.verdicts, rows(before))
    if name != "publish":
        assert now.marts == before.marts


def rows(state: State) -> dict[str, Any]:
    """The tables that have rows: one may be made before it gets any."""
    return {name: table for name, table in state.tables.items() if table}


def walk_squeezed(
    county: County, disk: SmallDisk, opened: Opened, root: Path, last: list[str], *, fine: bool
) -> None:
    """Two rounds of files, the first for steps up to the books, both beside a clean home."""
    clean, node = opened(root), opened(disk.folder / "home")
    for number, names in enumerate((UP_TO_THE_BOOKS, last)):
        county.send(number)
        for name in names:
            STEPS[name](clean)
            assert squeezed(disk, node, name, fine=fine), f"{name} needs no room"
    state = read_state(node.home)
    # A delivery that found room was loaded before one that did not: the way there is another.
    assert differences(read_state(clean.home), state, history=False) == []
    assert state.orphans == 0
    assert left_behind(node.home) == []


def test_each_step_on_a_full_disk(
    county: County, disk: SmallDisk, opened: Opened, tmp_path_factory: pytest.TempPathFactory, fine: bool
) -> None:
    walk_squeezed(county, disk, opened, tmp_path_factory.mktemp("clean"), WALK, fine=fine)


def test_each_step_at_a_limit_on_the_size_of_files(
    county: County, opened: Opened, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, fine: bool
) -> None:
    limited = LimitedFiles(tmp_path)
    walk_squeezed(county, limited, opened, tmp_path_factory.mktemp("clean"), UP_TO_THE_BOOKS, fine=fine)


def test_each_decision_and_a_purge_on_a_full_disk(
    county: County, disk: SmallDisk, opened: Opened, tmp_path_factory: pytest.TempPathFactory, fine: bool
) -> None:
    below = "id,n,seen_at,note\n" + "".join(f"k{n},{n - 9},2024-03-01,\n" for n in range(30))
    clean, node = opened(tmp_path_factory.mktemp("clean")), opened(disk.folder / "home")
    for number in (0, 2):
        county.send(number)
        (county.root / "data" / "events" / "p009a.csv").write_text(below)
        for name in UP_TO_THE_BOOKS:
            STEPS[name](clean)
            STEPS[name](node)
    try:
        for name in (*DECISIONS, "purge"):
            if name == "replay":
                county.declare(retries=1, wide=True)
                clean, node = opened(clean.home), opened(node.home)
            STEPS[name](clean)
            assert squeezed(disk, node, name, fine=fine), f"{name} needs no room"
    finally:
        county.declare(retries=1)
    for one in (clean, node):
        reconcile(one)
    kinds = {entry.split("'")[3] for entry in read_state(node.home).entries}
    assert kinds >= {"refuse", "approve", "withdraw", "replay", "discard", "reopen", "purge"}
    state = read_state(node.home)
    assert differences(read_state(clean.home), state) == []
    assert state.orphans == 0
    assert left_behind(node.home) == []


def left_behind(home: Path) -> list[str]:
    """Files with a name of something unfinished."""
    hidden = (path for path in home.rglob(".*") if path.is_file() and not path.name.endswith(".crc"))
    parts = (path for path in home.glob("staged/*/*/parting-*"))
    return sorted(str(path.relative_to(home)) for path in (*hidden, *parts))
