"""Loads, decisions, changed contracts, replays and releases in any sequence: balanced.

What stands in the table is read by plain DuckDB from Delta's log and its files, and compared with a model of
a few lines of Python; at the end also with the table of a city that loads everything for the first time.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import one_city
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from shanhai.errors import ConfigurationError, DeniedError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.behind import behind
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import replay

DATASET = DatasetId("acity", "events")
WHO = {"by": "Li", "reason": "test"}
REFUSED = (DeniedError, ConfigurationError)
"""Nothing is to be decided, or not so: it is so already, no row waits for it, or there is no such rule."""
RULES: dict[str, dict[str, Any]] = {
    "latest": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
    "append, copies of the table": {"versions": {"rule": "append"}, "duplicates": "table"},
    "append everything": {"versions": {"rule": "append"}, "duplicates": "none"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "delivery"},
}
FILES = """
    WITH actions AS (
      SELECT json FROM read_json_objects($log, format = 'newline_delimited')
    )
    SELECT json ->> '$.add.path' FROM actions WHERE json ->> '$.add.path' IS NOT NULL
    EXCEPT SELECT json ->> '$.remove.path' FROM actions WHERE json ->> '$.remove.path' IS NOT NULL
"""

Row = tuple[str, str, str]

rows = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(["0", "1", "2", "-1", "x", ""]), st.sampled_from(["01", "02"])
    ),
    # No file is so small or so large beside the others that it would be held for it.
    min_size=2,
    max_size=6,
)
which = st.integers(0, 5)
arrival = st.tuples(st.just("arrive"), st.sampled_from(["p1", "p2"]), rows)
step = st.one_of(
    arrival,
    st.tuples(st.just("contract"), st.sampled_from([None, -1, 0, 1]), st.none()),
    st.tuples(st.just("replay"), which, st.none()),
    st.tuples(
        st.just("release"), which, st.sampled_from([("n.range", None), ("n.range", 1), ("n.required", None)])
    ),
    st.tuples(st.just("revoke"), which, st.none()),
    st.tuples(st.just("withdraw"), which, st.none()),
    st.tuples(st.just("approve"), which, st.none()),
)
stories = st.tuples(st.lists(arrival, min_size=1, max_size=2), st.lists(step, min_size=2, max_size=6))


@dataclass
class Delivery:
    """One delivery of the model: its rows, and on which terms it was judged last."""

    partition: str
    rows: list[Row]
    least: int | None
    live: bool = True
    waived: dict[str, set[int] | None] = field(default_factory=dict)

    def good(self) -> list[Row]:
        return [row for place, row in enumerate(self.rows, start=1) if self._is_good(place, row)]

    def _is_good(self, place: int, row: Row) -> bool:
        broken = breaks(row[1], self.least)
        listed = self.waived.get(broken, set())
        return not broken or (broken in self.waived and (listed is None or place in listed))


def breaks(n: str, least: int | None) -> str:
    if n in ("", "x"):
        return "n.required" if n == "" else "n.type"
    return "n.range" if least is not None and int(n) < least else ""


def expected(rule: str, known: list[Delivery]) -> Counter[Row]:
    """The table that the rule promises, for deliveries in the order in which they were pulled."""
    live = [one for one in known if one.live]
    every = [row for one in live for row in one.good()]
    if rule == "latest":
        best: dict[str, Row] = {}
        for row in every:
            best[row[0]] = max(row, best.get(row[0], row), key=_preference)
        return Counter(best.values())
    if rule == "append, copies of the table":
        return Counter(set(every))
    if rule == "append everything":
        return Counter(every)
    newest = {one.partition: one for one in live}
    return Counter(row for one in newest.values() for row in set(one.good()))


def _preference(row: Row) -> tuple[str, bool, int]:
    return row[2], row[1] != "", int(row[1] or 0)


class Story:
    """One city through a sequence of steps, compared with the model after each."""

    def __init__(self, rule: str, root: Path) -> None:
        self.rule, self.least = rule, 0
        self.city = one_city.City(root)
        self.known: dict[DeliveryId, Delivery] = {}
        self.contract(0)

    def contract(self, least: int | None) -> None:
        columns = [dict(column) for column in one_city.COLUMNS]
        columns[1] = {"name": "n", "logicalType": "integer", "required": True}
        if least is not None:
            columns[1]["logicalTypeOptions"] = {"minimum": least}
        self.least = least
        self.city.declare(columns, tolerance={"hold": 1.0, "refuse": 1.0}, **RULES[self.rule])

    def take(self, name: str, what: Any, more: Any) -> None:
        if name == "arrive":
            self.arrive(what, more)
        elif name == "contract":
            self.contract(what)
        else:
            delivery = list(self.known)[what % len(self.known)]
            note(f"{name} {delivery.short} {more or ''}")
            getattr(self, name)(delivery, self.known[delivery], more)
        self.compare()

    def arrive(self, partition: str, found: list[Row]) -> None:
        self.put(f"{partition}.{len(self.known)}.csv", partition, found)

    def put(self, name: str, partition: str, found: list[Row]) -> None:
        """Place a file, walk, and approve what is held because it repeats another one or lacks a column."""
        text = one_city.HEADER + "".join(f"{i},{n},2024-01-{at} 00:00:00\n" for i, n, at in found)
        self.city.put(name, text)
        self.city.walk()
        for row in ledger(self.city.node):
            if row.delivery not in self.known:
                assert row.verdict in ("accepted", "held")
                one = Delivery(partition, found, self.least, row.verdict == "accepted")
                self.known[row.delivery] = one
                self.approve(row.delivery, one, None)

    def replay(self, delivery: DeliveryId, one: Delivery, _: Any) -> None:
        if not one.live:
            with pytest.raises(DeniedError):
                replay(self.city.node, delivery, **WHO)
            return
        replay(self.city.node, delivery, **WHO)
        one.least = self.least
        assert replay(self.city.node, delivery, **WHO).entry is None

    def release(self, delivery: DeliveryId, one: Delivery, asked: tuple[str, int | None]) -> None:
        rule, place = asked
        would = Delivery(one.partition, one.rows, self.least, True, dict(one.waived))
        bare = len(Delivery(one.partition, one.rows, one.least).good())
        listed = would.waived.get(rule, set())
        would.waived[rule] = None if place is None or listed is None else listed | {place}
        rows = None if place is None else [(f"{one.partition}.{list(self.known).index(delivery)}.csv", place)]
        unwaived = len(Delivery(one.partition, one.rows, self.least).good())
        released, before = len(would.good()) - unwaived, len(one.good()) - bare
        try:
            done = release(self.city.node, delivery, [rule], rows, **WHO)
        except REFUSED:
            impossible = rule == "n.range" and self.least is None
            assert not one.live or impossible or released <= before
            return
        assert one.live
        if (released, would.waived) == (before, one.waived):
            assert done.entry is None
            return
        assert released > before
        self.known[delivery] = would

    def revoke(self, delivery: DeliveryId, one: Delivery, _: Any) -> None:
        if not one.live or not one.waived:
            with pytest.raises(REFUSED):
                revoke(self.city.node, delivery, **WHO)
            return
        revoke(self.city.node, delivery, **WHO)
        one.waived, one.least = {}, self.least

    def withdraw(self, delivery: DeliveryId, one: Delivery, _: Any) -> None:
        if one.live:
            decide(self.city.node, delivery, "withdraw", **WHO)
            one.live = False

    def approve(self, delivery: DeliveryId, one: Delivery, _: Any) -> None:
        would = Delivery(one.partition, one.rows, self.least, True, one.waived)
        if not one.live and would.good():
            decide(self.city.node, delivery, "approve", **WHO)
            self.known[delivery] = would

    def compare(self) -> None:
        known = list(self.known.values())
        found = table(self.city)
        assert Counter(row[:3] for row in found.elements()) == expected(self.rule, known)
        books = {row.delivery: row.counts for row in ledger(self.city.node)}
        assert all(counts.balanced and min(vars(counts).values()) >= 0 for counts in books.values())
        for delivery, one in self.known.items():
            assert books[delivery].rows_in == len(one.rows)
            assert books[delivery].quarantined == len(one.rows) - len(one.good()), delivery.short
        per_delivery = Counter(row[3] for row in found.elements())
        assert per_delivery == +Counter({str(one): counts.loaded for one, counts in books.items()})

    def end(self) -> None:
        """Everything judged by the present contract is what a city has that loads it for the first time."""
        for delivery in behind(self.city.node, DATASET):
            replay(self.city.node, delivery, **WHO)
        assert behind(self.city.node, DATASET) == []
        for delivery, one in self.known.items():
            if one.live and one.waived:
                revoke(self.city.node, delivery, **WHO)
        with tempfile.TemporaryDirectory() as folder:
            fresh = Story(self.rule, Path(folder))
            fresh.contract(self.least)
            for place, one in enumerate(self.known.values()):
                if one.live:
                    fresh.put(f"{one.partition}.{place}.csv", one.partition, one.rows)
            first = table(fresh.city)
        assert _values(table(self.city)) == _values(first)


def _values(found: Counter[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    return Counter(row[:3] for row in found.elements())


def table(city: one_city.City) -> Counter[tuple[str, ...]]:
    """Id, n, day and delivery of each row, from the files that the log names."""
    folder = city.root / "home" / "lake" / "acity" / "events"
    if not (folder / "_delta_log").is_dir():
        return Counter()
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        log = (folder / "_delta_log" / "*.json").as_posix()
        files = [str(folder / name) for (name,) in con.execute(FILES, {"log": log}).fetchall()]
        if not files:
            return Counter()
        return Counter(
            con.execute(
                "SELECT id, coalesce(n::VARCHAR, ''), strftime(\"at\", '%d'), _delivery FROM read_parquet(?)",
                [files],
            ).fetchall()
        )


def tell(rule: str, story: tuple[list[Any], list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Story(rule, Path(folder))
        for arriving in story[0]:
            told.take(*arriving)
        for one in story[1]:
            told.take(*one)
        told.end()


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(story=stories)
def test_the_table_is_what_it_would_be_had_all_come_now(rule: str, story: tuple[list[Any], list[Any]]):
    tell(rule, story)


@pytest.mark.long
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(story=stories)
def test_many_stories(rule: str, story: tuple[list[Any], list[Any]]):
    tell(rule, story)
