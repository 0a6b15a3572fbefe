"""A decision is killed on its way, and the person decides otherwise: it ends as if nobody had killed it."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from durable_writes import OF_A_RELEASE, OF_A_REPLAY, OF_AN_APPROVAL, Write
from killed_county import in_reach
from killed_once import killed_at, writes_of
from little_county import County
from plain_state import differences, read_state

PERSON = ("--by", "Li Wei", "--reason", "looked at it")
COMMIT = "commit of a delivery"
BELOW = "id,n,seen_at,note\n" + "".join(f"k{n},{n - 12},2024-03-01,\n" for n in range(30))
"""Some numbers are below what any contract takes, and more below what the first one does."""
NOTHING_TO_REVOKE = 78
WHEN = ("before", "after")


@dataclass(frozen=True)
class Change:
    """What somebody decides, and otherwise once it was killed: undone or not.

    Attributes:
        undo: what takes it back.
        instead: what is decided where it left nothing to be taken back; with its exit code.
        writes: some that are on its way; all of them are found by doing it.
        wide: whether the contracts have changed meanwhile.
    """

    about: str
    decision: tuple[str, ...]
    undo: tuple[str, ...]
    instead: tuple[str, ...]
    writes: tuple[Write, ...]
    code: int = 0
    wide: bool = False


@dataclass(frozen=True)
class Beside:
    """A decision about a delivery: the writes on its way, and homes that end well without it and after it."""

    county: County
    change: Change
    subject: str
    way: Sequence[Write]
    clean: dict[bool, Path]


CHANGES = {
    "approved, then withdrawn or refused": Change(
        "held", ("delivery", "approve"), ("delivery", "withdraw"), ("delivery", "refuse"), OF_AN_APPROVAL
    ),
    "released, then revoked": Change(
        "p009a",
        ("quarantine", "release", "--rule", "n.range"),
        ("quarantine", "revoke"),
        ("quarantine", "revoke"),
        OF_A_RELEASE,
        code=NOTHING_TO_REVOKE,
    ),
    "replayed, then withdrawn": Change(
        "p009a", ("replay",), ("delivery", "withdraw"), ("delivery", "withdraw"), OF_A_REPLAY, wide=True
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
    seed = random.randrange(2**32)
    print(f"seed={seed}")
    chance = random.Random(seed)
    with decided(county, tmp_path, CHANGES[name]) as beside:
        (commit,) = (write for write in beside.way if write.name == COMMIT)
        other = chance.choice([write for write in beside.way if write is not commit])
        for write, when in ((commit, "before"), (commit, "after"), (other, chance.choice(WHEN))):
            ends_as_clean(beside, tmp_path, write, when)


@pytest.mark.long
@pytest.mark.parametrize("name", CHANGES)
def test_the_same_at_each_write(county: County, tmp_path: Path, name: str):
    with decided(county, tmp_path, CHANGES[name]) as beside:
        for write in beside.way:
            for when in WHEN:
                ends_as_clean(beside, tmp_path, write, when)


@contextmanager
def decided(county: County, root: Path, change: Change) -> Iterator[Beside]:
    """Decide in one copy of the home and not in another, and otherwise in both; for the time of the block."""
    told = read_state(county.root / "home").verdicts
    (subject,) = (name for name, verdict in told.items() if change.about in (verdict, name.split("/")[1]))
    county.declare(retries=0, wide=change.wide)
    try:
        clean = {stood: shutil.copytree(county.root / "home", root / f"{stood}") for stood in (False, True)}
        way = writes_of(county.run, clean[True], *decision(change.decision, subject))
        beside = Beside(county, change, subject, way, clean)
        expected = {write.name for write in change.writes if in_reach(write, subject, change.decision[-1])}
        assert expected - {write.name for write in way} == set()
        for stood, home in clean.items():
            decide_otherwise(beside, home, stood=stood)
        yield beside
    finally:
        county.declare(retries=0)


def ends_as_clean(beside: Beside, root: Path, write: Write, when: str) -> None:
    """Kill the decision in a copy of the home, decide otherwise, and compare with the home without a kill."""
    county, change = beside.county, beside.change
    home = shutil.copytree(county.root / "home", root / f"{when} {write.name}")
    command = decision(change.decision, beside.subject)
    assert killed_at(write, when, county.run, home, *command) == -signal.SIGKILL, (write.name, when)
    names = [one.name for one in beside.way]
    since = names.index(write.name) - names.index(COMMIT)
    stood = since > 0 or (since == 0 and when == "after")
    decide_otherwise(beside, home, stood=stood)
    assert differences(read_state(beside.clean[stood]), read_state(home)) == [], (write.name, when)


def decide_otherwise(beside: Beside, home: Path, *, stood: bool) -> None:
    change = beside.change
    wanted = change.undo if stood else change.instead
    assert beside.county.run(home, *decision(wanted, beside.subject)) == (0 if stood else change.code)
    assert beside.county.run(home, "reconcile") == 0


def decision(verb: tuple[str, ...], subject: str) -> list[str]:
    return [*verb, subject, *PERSON]
