"""Whatever arrives, in whatever order: no row is lost, none counted twice, the table is what the rule says.

The expected table comes from a model of a few lines of plain Python that shares nothing with the code.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import one_city
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import Decision, commit_decision
from shanhai.ingest.records import Staging
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage

DATASET = DatasetId("acity", "events")
RULES: dict[str, dict[str, Any]] = {
    "latest of the table": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
    "latest, copies per delivery": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "delivery"},
    "append, copies of the table": {"versions": {"rule": "append"}, "duplicates": "table"},
    "append, copies per delivery": {"versions": {"rule": "append"}, "duplicates": "delivery"},
    "append everything": {"versions": {"rule": "append"}, "duplicates": "none"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "delivery"},
    "history": {"versions": {"rule": "history", "by": "at"}, "duplicates": "table"},
}

Row = tuple[str, str, str]

rows = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["0", "1", "2", "x", "-1", ""]), st.sampled_from(["01", "02"])
    ),
    max_size=8,
)
deliveries = st.lists(st.tuples(st.sampled_from(["p1", "p2"]), rows), min_size=1, max_size=4)


def is_good(row: Row) -> bool:
    return row[1].isdigit()


def winners(found: list[Row]) -> Counter[Row]:
    best: dict[str, Row] = {}
    for row in found:
        if row[0] not in best or (row[2], row[1]) > (best[row[0]][2], best[row[0]][1]):
            best[row[0]] = row
    return Counter(best.values())


def expected(rule: str, live: list[tuple[str, list[Row]]]) -> Counter[Row]:
    """The table that the rule promises for deliveries in the order of their loading."""
    kept = [(partition, [row for row in found if is_good(row)]) for partition, found in live]
    if rule.startswith("latest"):
        return winners([row for _, found in kept for row in found])
    if rule == "history":
        good = [row for _, found in kept for row in found]
        return Counter({row[::2]: row for row in sorted(good, key=lambda row: row[1])}.values())
    if rule == "append, copies of the table":
        return Counter({row for _, found in kept for row in found})
    if rule == "append everything":
        return Counter(row for _, found in kept for row in found)
    if rule == "replace":
        return Counter(row for found in dict(kept).values() for row in set(found))
    return Counter(row for _, found in kept for row in set(found))


class Story:
    """One city through loads and withdrawals, compared with the model after each."""

    def __init__(self, rule: str, root: Path) -> None:
        self.rule = rule
        self.city = one_city.City(root)
        self.city.declare(**RULES[rule])
        self.live: dict[DeliveryId, tuple[str, list[Row]]] = {}

    def arrive(self, number: int, partition: str, found: list[Row]) -> None:
        text = one_city.HEADER + "".join(f"{i},{n},2024-01-{at} 00:00:00\n" for i, n, at in found)
        # A file with the bytes of an earlier one of the partition is the same delivery.
        self.city.put(f"{partition}.{number}.csv", text)
        for delivery in pull(self.city.node, DATASET):
            staging = stage(self.city.node, delivery)
            self.staged_again_is_the_same(delivery, staging)
            accepted = Decision("load", "accepted", "")
            assert commit_decision(self.city.node, delivery, staging, accepted, expected=0)
            self.live[delivery] = (partition, found)
        self.compare()

    def staged_again_is_the_same(self, delivery: DeliveryId, staging: Staging) -> None:
        shutil.rmtree(self.city.node.staged(delivery))
        assert stage(self.city.node, delivery) == staging

    def withdraw(self, delivery: DeliveryId) -> None:
        decide(self.city.node, delivery, "withdraw", by="Li", reason="test")
        del self.live[delivery]
        self.compare()

    def compare(self) -> None:
        table = self.city.rows("id, n, strftime(\"at\" AT TIME ZONE 'Asia/Shanghai', '%d')")
        found = Counter((i, str(n), at) for i, n, at in table)
        assert found == expected(self.rule, list(self.live.values()))
        books = ledger(self.city.node)
        assert all(row.counts.balanced for row in books)
        assert all(min(vars(row.counts).values()) >= 0 for row in books)
        assert sum(row.counts.loaded for row in books) == found.total()
        per_delivery = Counter(known for (known,) in self.city.rows("_delivery"))
        assert per_delivery == +Counter({str(row.delivery): row.counts.loaded for row in books})


def tell(rule: str, arriving: list[tuple[str, list[Row]]], withdrawn: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(rule, Path(folder))
        for number, (partition, found) in enumerate(arriving):
            story.arrive(number, partition, found)
        known = list(story.live)
        if known:
            note(f"withdrawn: {known[withdrawn % len(known)].short}")
            story.withdraw(known[withdrawn % len(known)])


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(arriving=deliveries, withdrawn=st.integers(0, 5))
def test_no_row_is_lost_and_none_counted_twice(
    rule: str, arriving: list[tuple[str, list[Row]]], withdrawn: int
):
    tell(rule, arriving, withdrawn)


@pytest.mark.long
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(arriving=deliveries, withdrawn=st.integers(0, 5))
def test_many_stories(rule: str, arriving: list[tuple[str, list[Row]]], withdrawn: int):
    tell(rule, arriving, withdrawn)
