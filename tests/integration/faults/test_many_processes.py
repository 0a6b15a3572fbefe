"""Eight processes work in one home at once; afterwards it is as if one had done everything in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from little_county import RULES, County
from plain_state import differences, read_state
from workers import Done, Workers, workers

FOUR = {**RULES, "works": {"versions": {"rule": "history", "by": "seen_at"}, "duplicates": "table"}}
BUSY = 75
PERSON = ("--by", "Li Wei", "--reason", "looked at it")


@pytest.fixture
def county(tmp_path: Path) -> County:
    place = County(tmp_path, seed=17, rules=FOUR)
    place.declare(retries=1)
    return place


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Workers]:
    with workers(8, tmp_path / "workers.log") as started:
        yield started


def test_eight_processes_do_together_what_one_does_alone(county: County, crew: Workers) -> None:
    clean, home = county.root / "clean", county.root / "home"

    def alone(*commands: Sequence[str]) -> None:
        for command in commands:
            assert county.run(clean, *command) == 0, command

    def together(*commands: Sequence[str]) -> list[Done]:
        options = ("--home", str(home), "--federation", str(county.root))
        done = crew.at_once([[*options, *command] for command in commands])
        assert max(one.began for one in done) < min(one.ended for one in done), "they did not meet"
        return done

    walks = [("walk", f"acounty.{name}") for name in FOUR]

    # Two processes a dataset, and of each delivery two that stage, check and load it.
    county.send(2)
    alone(("walk", "--all"), ("reconcile",))
    assert [one.code for one in together(*walks, *walks)] == [0] * 8
    alike(county, clean, home)

    # One process a dataset; meanwhile two decide the same, one something else, and one brings up the books.
    (held,) = _named(clean, "held")
    counted = next(name for name in _named(clean, "accepted") if ".counts/" in name)
    county.send(3)
    decisions = [("delivery", "approve", held, *PERSON), ("delivery", "withdraw", counted, *PERSON)]
    alone(("walk", "--all"), *decisions, ("reconcile",))
    done = together(*walks, decisions[0], decisions[0], decisions[1], ("reconcile",))
    codes = [one.code for one in done]
    assert codes[:4] == [0] * 4
    assert sorted(codes[4:6]) in ([0, 0], [0, BUSY]), codes
    assert codes[6:] == [0, 0]
    alike(county, clean, home)

    # Contracts are changed, and two datasets are replayed by four processes each: a person wants it so.
    county.declare(retries=1, wide=True)
    replays = [("replay", "--dataset", f"acounty.{name}", *PERSON) for name in ("events", "works")]
    alone(*replays, ("reconcile",))
    codes = [one.code for one in together(*replays * 4)]
    assert set(codes) <= {0, BUSY}, codes
    for command in replays:
        assert county.run(home, *command) == 0
    alike(county, clean, home)


def alike(county: County, clean: Path, home: Path) -> None:
    """Rows, quarantine and ledger are those of the home that nobody shared."""
    assert county.run(home, "reconcile") == 0
    one, other = read_state(clean), read_state(home)
    assert one.faults == []
    assert len(one.nets) >= 8
    assert differences(one, other, history=False) == []


def _named(home: Path, verdict: str) -> list[str]:
    return sorted(name for name, told in read_state(home).verdicts.items() if told == verdict)
