"""What `replay --dry-run` tells is what `replay` does, delivery for delivery, whatever was changed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from one_city import COLUMNS, City

from shanhai.cli import main
from shanhai.ingest.ledger import ledger

RULES: tuple[dict[str, Any], ...] = (
    {"versions": {"rule": "append"}, "duplicates": "none"},
    {"versions": {"rule": "append"}, "duplicates": "table"},
    {"versions": {"rule": "replace"}, "duplicates": "delivery"},
    {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
)
NOTE = {"name": "note", "logicalType": "string", "customProperties": [{"property": "since", "value": "p.9"}]}


def replayed(
    city: City, capsys: pytest.CaptureFixture[str], *further: str
) -> tuple[int, list[dict[str, Any]]]:
    place = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    capsys.readouterr()
    code = main([*place, "replay", "--dataset", "acity.events", "--format", "json", *further])
    return code, json.loads(capsys.readouterr().out)


def body(chance: random.Random) -> str:
    rows = (
        f"{chance.choice('abc')},{chance.randint(-2, 4)},2024-01-0{chance.randint(1, 3)}\n" for _ in range(6)
    )
    return "编号,n,at\n" + "".join(rows)


def columns(chance: random.Random) -> list[dict[str, Any]]:
    """The city's columns with another limit, and perhaps one that came later or that nobody has."""
    one, two, three = COLUMNS
    limited = {**two, "logicalTypeOptions": {"minimum": chance.choice((-2, -1, 0))}}
    more = chance.choice(([], [NOTE], [{**NOTE, "customProperties": []}]))
    return [one, limited, three, *more]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
)
def test_the_preview_is_what_happens(make_city, capsys: pytest.CaptureFixture[str], seed: int):
    print(f"seed {seed}")
    chance = random.Random(seed)
    before, after = chance.sample(RULES, 2) if seed else (RULES[0], RULES[3])
    lenient = {"tolerance": {"hold": 1, "refuse": 1}}
    city: City = make_city(**before, **lenient)
    for name in ("p.1", "p.2", "q"):
        city.put(f"{name}.csv", body(chance))
    city.walk()
    city.declare(columns(chance), **after, **lenient)
    told = replayed(city, capsys, "--dry-run")
    assert not any(one.pop("committed") for one in told[1])
    counts = {row.delivery: row.counts for row in ledger(city.node)}
    rows = city.rows("*")
    done = replayed(city, capsys)
    committed = [one.pop("committed") for one in done[1]]
    assert done == told
    assert sum(one["settles"] for one in told[1]) <= 1
    if not any(one["changes"] for one in told[1]):
        assert city.rows("*") == rows
        assert {row.delivery: row.counts for row in ledger(city.node)} == counts
    assert all(committed), "what is behind is judged, and that is noted"
    again = replayed(city, capsys, "--dry-run")
    assert not any(one["changes"] for one in again[1])


def test_another_rule_is_told_of_the_first_delivery_alone(make_city, capsys: pytest.CaptureFixture[str]):
    city: City = make_city(**RULES[1])
    for name in ("a", "b", "c"):
        city.put(f"{name}.csv", f"编号,n,at\n{name},1,2024-01-01\n")
    city.walk()
    city.declare(**RULES[3])
    _, told = replayed(city, capsys, "--dry-run")
    assert [one["changes"] for one in told] == [True, False, False]
    place = ["--home", str(city.root / "home"), "--federation", str(city.root)]
    assert main([*place, "replay", "--dataset", "acity.events", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "1 of 3 deliveries would change" in said.out
    assert "acity.events would be settled anew" in said.err
