"""A decision is killed on its way, and the person decides otherwise: it ends as if nobody had killed it."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import pytest
from durable_writes import WRITES
from little_county import County
from plain_state import differences, read_state
from under_airflow import SITE, Order

PERSON = ("--by", "Li Wei", "--reason", "looked at it")
COMMIT = "commit of a delivery"
BELOW = "id,n,seen_at,note\n" + "".join(f"k{n},{n - 9},2024-03-01,\n" for n in range(30))
STAGING = ["quarantine file", "good file", "staging record", "validation record", "scratch of staging goes"]
DENIED = 77


@dataclass(frozen=True)
class Change:
    """What somebody decides, and otherwise once it was killed: undone or not, and the writes on the way.

    Attributes:
        undo: what takes it back.
        instead: what is decided where it left nothing to be taken back; with its exit code.
        wide: whether the contracts have changed meanwhile.
    """

    about: str
    decision: tuple[str, ...]
    undo: tuple[str, ...]
    instead: tuple[str, ...]
    writes: list[str]
    code: int = 0
    wide: bool = False


CHANGES = {
    "approved, then withdrawn or refused": Change(
        "held",
        ("delivery", "approve"),
        ("delivery", "withdraw"),
        ("delivery", "refuse"),
        ["rows that win or stay"],
    ),
    "released, then revoked": Change(
        "p009a",
        ("quarantine", "release", "--rule", "n.range"),
        ("quarantine", "revoke"),
        ("quarantine", "revoke"),
        [*STAGING, "scratch of staging", "rows after a withdrawal or a replay"],
        code=DENIED,
    ),
    "replayed, then withdrawn": Change(
        "p009a",
        ("replay",),
        ("delivery", "withdraw"),
        ("delivery", "withdraw"),
        [*STAGING, "kept contract", "scratch of staging", "rows after a withdrawal or a replay"],
        wide=True,
    ),
}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """A county whose home has a held delivery, and one with rows that may be released."""
    made = County(tmp_path_factory.mktemp("county"), seed=23)
    made.declare(retries=0)
    for number in (1, 2):
        made.send(number)
        (made.root / "data" / "events" / "p009a.csv").write_text(BELOW)
        assert made.run(made.root / "home", "walk", "acounty.events") == 0
    return made


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_killed_and_decided_otherwise_is_as_if_it_was_not_killed(
    county: County, tmp_path: Path, name: str
):
    change, seed = CHANGES[name], random.randrange(2**32)
    print(f"seed={seed}")
    chance = random.Random(seed)
    points = [(COMMIT, "before"), (COMMIT, "after")]
    points.append((chance.choice(change.writes), chance.choice(("before", "after"))))
    ends_as_clean(county, tmp_path, change, points)


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_the_same_at_each_write(county: County, tmp_path: Path, name: str):
    change = CHANGES[name]
    points = [(write, when) for write in [*change.writes, COMMIT] for when in ("before", "after")]
    ends_as_clean(county, tmp_path, change, points)


def ends_as_clean(county: County, root: Path, change: Change, points: list[tuple[str, str]]) -> None:
    """Kill the decision at each point, each in a copy of the home, and compare with homes without a kill."""
    subject = _subject(county, change)
    with declared(county, wide=change.wide):
        clean = {stood: shutil.copytree(county.root / "home", root / f"clean {stood}") for stood in (0, 1)}
        assert county.run(clean[1], *decision(change.decision, subject)) == 0
        for stood, home in clean.items():
            decide_otherwise(county, home, change, subject, stood=bool(stood))
        for number, (write, when) in enumerate(points):
            home = shutil.copytree(county.root / "home", root / str(number) / "home")
            assert _killed_at(county, home, decision(change.decision, subject), write, when) == (
                -signal.SIGKILL
            ), f"{write} is not on the way"
            stood = (write, when) == (COMMIT, "after")
            decide_otherwise(county, home, change, subject, stood=stood)
            assert differences(read_state(clean[stood]), read_state(home)) == [], (write, when)


def decide_otherwise(county: County, home: Path, change: Change, subject: str, *, stood: bool) -> None:
    wanted = change.undo if stood else change.instead
    assert county.run(home, *decision(wanted, subject)) == (0 if stood else change.code)
    assert county.run(home, "reconcile") == 0


def decision(verb: tuple[str, ...], subject: str) -> list[str]:
    return [*verb, subject, *PERSON]


@contextmanager
def declared(county: County, *, wide: bool) -> Iterator[None]:
    """The contracts of the county with one column more, for the time of the block."""
    county.declare(retries=0, wide=wide)
    try:
        yield
    finally:
        county.declare(retries=0)


def _subject(county: County, change: Change) -> str:
    told = read_state(county.root / "home").verdicts
    (found,) = (name for name, verdict in told.items() if change.about in (verdict, name.split("/")[1]))
    return found


def _killer() -> ModuleType:
    found = importlib.util.spec_from_file_location("killer", SITE / "sitecustomize.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _decide(county: County, home: Path, command: list[str], order: Order) -> None:
    """A decision in a process group of its own, which dies where the order says so."""
    os.setpgid(0, 0)
    sys.setprofile(_killer()._Killer(home.parent, [asdict(order)]))
    county.run(home, *command)


def _killed_at(county: County, home: Path, command: list[str], name: str, when: str) -> int | None:
    """How a decision ended: minus the signal."""
    (write,) = (one for one in WRITES if one.name == name)
    order = Order("once", None, "decide", write.function, when, write.about)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["deltalake", "duckdb", "great_expectations", "shanhai.cli", "little_county"]
    )
    task = context.Process(target=_decide, args=(county, home, command, order))
    task.start()
    task.join(timeout=300)
    return task.exitcode
