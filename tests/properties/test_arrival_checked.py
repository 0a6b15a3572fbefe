"""What is held depends on what came before; once that is approved, the tables do not.

Here deliveries take the product's whole way, checks and all. Tables are read from Delta's JSON log with plain
DuckDB.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from one_city import DATASET, HEADER, City
from plain_state import read_state, read_table

from shanhai.ids import DeliveryId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.reconcile import reconcile

EDITIONS = {
    "per": "file",
    "partition": {"by": "edition", "pattern": r"^(?P<partition>[^.]+)\.v(?P<edition>\d+)"},
}
RULES: dict[str, dict[str, Any]] = {
    "append": {"versions": {"rule": "append"}, "duplicates": "none"},
    "latest": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "delivery"},
    "history": {"versions": {"rule": "history", "by": "at"}, "duplicates": "delivery"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "none"},
}
SMALL = "p4.v1.csv"
"""Half of what is usual, once something is usual: the first of all is held by nobody."""


def some_files(chance: random.Random) -> dict[str, str]:
    """Files whose rows compete for few keys: one comes twice, and of one an older edition is late."""
    texts = {"p1.v2.csv": 40, "p1.v1.csv": 41, "p2.v1.csv": 45, SMALL: 20}
    made = {name: HEADER + "".join(_row(chance) for _ in range(rows)) for name, rows in texts.items()}
    # Among rows of many keys those of few may all be older than others: one key is nowhere else.
    return {**made, SMALL: f"{made[SMALL]}k50,1,2024-01-01\n", "p3.v1.csv": made["p2.v1.csv"]}


def _row(chance: random.Random) -> str:
    number = chance.choice("0123") if chance.random() < 0.98 else "x"
    return f"k{chance.randrange(50)},{number},2024-01-{chance.randrange(1, 10):02}\n"


def arrive(root: Path, rule: dict[str, Any], files: dict[str, str], order: list[list[str]]) -> City:
    """Let files come by ones and twos; with each pull all that came before are shown once more."""
    root.mkdir()
    city = City(root)
    city.declare(delivery=EDITIONS, **rule)
    for names in order:
        for name in names:
            city.put(name, files[name])
        city.walk()
    return city


def held(city: City) -> list[DeliveryId]:
    return [row.delivery for row in ledger(city.node) if row.verdict == "held"]


def table(city: City) -> Counter[tuple[Any, ...]]:
    """The rows as they were sent, by the log of the table alone."""
    read = read_table(city.root / "home" / "lake" / DATASET.district / DATASET.name)
    files = [str(read.folder / name) for name in read.live[read.version]]
    query = 'SELECT id, n, "at" FROM read_parquet(?, union_by_name = true)'
    return Counter(duckdb.connect().execute(query, [files]).fetchall())


@pytest.mark.parametrize("rule", RULES)
def test_tables_are_equal_once_what_was_held_is_approved(tmp_path: Path, rule: str) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"{rule}, seed {seed}")
    chance = random.Random(seed)
    files = some_files(chance)
    others = [name for name in files if name != SMALL]
    one, two = chance.sample(others, 4), chance.sample(others, 4)
    last = arrive(tmp_path / "last", RULES[rule], files, [one[:2], one[2:], [SMALL]])
    first = arrive(tmp_path / "first", RULES[rule], files, [[SMALL], two[:2], two[2:]])
    assert "p4" in {delivery.partition for delivery in held(last)}
    assert "p4" not in {delivery.partition for delivery in held(first)}
    assert table(last) != table(first)
    for city in (last, first):
        waiting = held(city)
        for delivery in chance.sample(waiting, len(waiting)):
            decide(city.node, delivery, "approve", by="Li", reason="few rows, and all there are")
        reconcile(city.node)
        assert read_state(city.root / "home").faults == []
        assert {row.verdict for row in ledger(city.node)} == {"accepted"}
    assert table(last) == table(first)
