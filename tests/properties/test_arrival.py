"""Whatever the order, however often and however late deliveries come: the table is the same.

What it must be is a function of the set of deliveries, in a few lines of plain Python; what it is, is read
from Delta's JSON log with plain DuckDB. Neither shares anything with the code that settles rows.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import one_city
import pytest

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import Decision, commit_decision
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.ingest.withdraw import withdraw

DATASET = DatasetId("acity", "events")
EDITIONS = {
    "per": "file",
    "partition": {"by": "edition", "pattern": r"^(?P<partition>[^.]+)\.v(?P<edition>\d+)"},
}
RULES: dict[str, list[str]] = {
    "append": ["none", "delivery", "table"],
    "latest": ["none", "delivery", "table"],
    "history": ["none", "delivery", "table"],
    "replace": ["none", "delivery"],
}
CASES = [(rule, scope) for rule, scopes in RULES.items() for scope in scopes]

Row = tuple[str, str, str]


@dataclass(frozen=True)
class File:
    """A file of one partition; of two the one with the greater edition is the newer."""

    partition: str
    edition: int
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return f"{self.partition}.v{self.edition}.csv"

    @property
    def text(self) -> str:
        return one_city.HEADER + "".join(f"{i},{n},2024-01-{at} 00:00:00\n" for i, n, at in self.rows)

    @property
    def good(self) -> list[Row]:
        return [row for row in self.rows if row[1].isdigit()]


def some_files(chance: random.Random) -> list[File]:
    """Two to four files, no two of a partition with the same bytes: those would be one delivery."""
    found: dict[tuple[str, str], File] = {}
    wanted = chance.randint(2, 4)
    editions = chance.sample([1, 2, 9, 10, 11], 5)
    while len(found) < wanted:
        rows = [
            (chance.choice("ab"), chance.choice("012x"), chance.choice(["01", "02", "03"]))
            for _ in range(chance.randint(0, 6))
        ]
        file = File(chance.choice(["p1", "p1", "p2"]), editions[len(found)], tuple(rows))
        found.setdefault((file.partition, file.text), file)
    return list(found.values())


def expected(rule: str, scope: str, found: Iterable[File]) -> Counter[Row]:
    """The table of a set of deliveries, whatever became of it on the way."""
    sent = list(found)
    every = [row for file in sent for row in file.good]
    if rule == "latest":
        return Counter(max((row for row in every if row[0] == key), key=order) for key in keys(every))
    if rule == "history":
        versions = {(row[0], row[2]) for row in every}
        return Counter(max((row for row in every if (row[0], row[2]) == one), key=order) for one in versions)
    if rule == "replace":
        newest = {
            file.partition: max(sent, key=lambda f: (f.partition == file.partition, f.edition))
            for file in sent
        }
        sent = list(newest.values())
    if scope == "table":
        return Counter(set(every))
    if scope == "delivery":
        return Counter(row for file in sent for row in set(file.good))
    return Counter(row for file in sent for row in file.good)


def keys(found: Iterable[Row]) -> set[str]:
    return {row[0] for row in found}


def order(row: Row) -> tuple[str, str]:
    return row[2], row[1]


class Arrival:
    """One city in which files arrive, are accepted, held, approved late and withdrawn."""

    def __init__(self, root: Path, rule: str, scope: str) -> None:
        root.mkdir()
        self.city = one_city.City(root)
        by = {"by": "at"} if rule in ("latest", "history") else {}
        self.city.declare(versions={"rule": rule, **by}, duplicates=scope, delivery=EDITIONS)
        self.node = self.city.node
        self.of: dict[File, DeliveryId] = {}
        self.decided: Counter[DeliveryId] = Counter()

    def pull(self, file: File) -> None:
        self.city.put(file.name, file.text)
        for delivery in pull(self.node, DATASET):
            self.of[file] = delivery
            stage(self.node, delivery)

    def decide(self, file: File, kind: Any, verdict: Any) -> None:
        delivery = self.of[file]
        decision = Decision(kind, verdict, "a reason", "Li")
        number = self.decided[delivery]
        if kind == "withdraw":
            assert withdraw(self.node, delivery, decision, expected=number)
        else:
            staging = stage(self.node, delivery)
            assert commit_decision(self.node, delivery, staging, decision, expected=number)
        self.decided[delivery] += 1

    def table(self) -> Counter[Row]:
        """The rows, by the log of the table alone."""
        lake = self.city.root / "home" / "lake" / "acity" / "events"
        present: set[str] = set()
        for commit in sorted((lake / "_delta_log").glob("*.json")):
            actions = [json.loads(line) for line in commit.read_text().splitlines()]
            present -= {action["remove"]["path"] for action in actions if "remove" in action}
            present |= {action["add"]["path"] for action in actions if "add" in action}
        if not present:
            return Counter()
        query = (
            "SELECT id, n::VARCHAR, strftime(\"at\" AT TIME ZONE 'Asia/Shanghai', '%d') FROM read_parquet(?)"
        )
        found = duckdb.connect().execute(query, [[str(lake / name) for name in present]]).fetchall()
        return Counter(found)


def arrive(root: Path, rule: str, scope: str, sent: list[File], chance: random.Random) -> Counter[Row]:
    """All files in some order, some twice, some held and approved late, some withdrawn for a while."""
    arrival = Arrival(root, rule, scope)
    late: list[File] = []
    for file in chance.sample(sent, len(sent)):
        arrival.pull(file)
        if chance.random() < 0.3:
            arrival.decide(file, "hold", "held")
            late.append(file)
        else:
            arrival.decide(file, "load", "accepted")
        if chance.random() < 0.3:
            arrival.pull(chance.choice(list(arrival.of)))
        accepted = [known for known in arrival.of if known not in late]
        if accepted and chance.random() < 0.2:
            gone = chance.choice(accepted)
            arrival.decide(gone, "withdraw", "withdrawn")
            late.append(gone)
    for file in chance.sample(late, len(late)):
        arrival.decide(file, "approve", "accepted")
    assert all(row.counts.balanced for row in ledger(arrival.node))
    return arrival.table()


def tell(rule: str, scope: str, seed: int, stories: int) -> None:
    print(f"{rule}, duplicates: {scope}, seed {seed}")
    for story in range(stories):
        chance = random.Random(f"{seed}/{story}")
        sent = some_files(chance)
        with tempfile.TemporaryDirectory() as folder:
            found = arrive(Path(folder) / "city", rule, scope, sent, chance)
            assert found == expected(rule, scope, sent), f"story {story}"


@pytest.mark.parametrize(("rule", "scope"), CASES)
def test_the_table_is_a_function_of_the_set_of_deliveries(rule: str, scope: str) -> None:
    tell(rule, scope, random.SystemRandom().randrange(1 << 32), stories=2)


@pytest.mark.long
@pytest.mark.parametrize(("rule", "scope"), CASES)
def test_many_arrivals(rule: str, scope: str) -> None:
    tell(rule, scope, random.SystemRandom().randrange(1 << 32), stories=60)
