"""Deliveries beside earlier ones: half of them, twice, a column without values, the same rows again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import pytest
from one_city import DATASET, City

from shanhai.ingest import walk
from shanhai.ingest.decide import decide
from shanhai.ingest.records import Validation, read_validation
from shanhai.ingest.replay import replay
from shanhai.report.words import words
from shanhai.storage.local import LocalStore

COLUMNS = [
    {"name": "id", "logicalType": "string", "required": True},
    {"name": "n", "logicalType": "integer", "required": True},
    {"name": "note", "logicalType": "string"},
]


def body(rows: int, *, first: int = 0, note: str = "x") -> str:
    return "id,n,note\n" + "".join(f"{first + at},{at % 7},{note}\n" for at in range(rows))


def checked(city: City, partition: str) -> Validation:
    found = read_validation(city.node, city.delivery(partition))
    assert found is not None
    return found


def said(city: City, partition: str) -> tuple[str, list[str], list[str]]:
    found = checked(city, partition)
    zh = [words("zh").difference(one) for one in found.differences]
    return found.verdict, [one.text for one in found.differences], zh


@pytest.fixture
def usual(make_city: Callable[..., City]) -> City:
    """A city that appends what comes, with two usual deliveries."""
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none", tolerance=None)
    city.put("p1.csv", body(40))
    city.put("p2.csv", body(40, first=40))
    city.walk()
    assert {row.verdict for row in city.ledger().values()} == {"accepted"}
    return city


def test_what_is_not_as_it_was_is_held(usual: City, caplog: pytest.LogCaptureFixture) -> None:
    one, two = usual.delivery("p1").short, usual.delivery("p2").short
    usual.put("as_usual.csv", body(41, first=100))
    usual.put("half.csv", body(20, first=200))
    usual.put("double.csv", body(80, first=300))
    usual.put("empty.csv", body(0))
    usual.put("unfilled.csv", body(40, first=500, note=""))
    usual.put("same_bytes.csv", body(40))
    lines = body(40, first=40).splitlines()
    usual.put("same_rows.csv", "\n".join([lines[0], *reversed(lines[1:])]))
    with caplog.at_level(logging.WARNING, "shanhai.notify"):
        usual.walk()
    assert said(usual, "as_usual") == ("accepted", [], [])
    assert said(usual, "half") == (
        "held",
        ["20 rows, fewer than the usual 40"],
        ["20 行，少于通常的 40 行"],
    )
    assert said(usual, "double") == (
        "held",
        ["80 rows, more than the usual 40"],
        ["80 行，多于通常的 40 行"],
    )
    assert said(usual, "empty") == ("held", ["no rows; 40 are usual"], ["一行也没有，通常有 40 行"])
    assert said(usual, "unfilled") == (
        "held",
        ["note has no value in any row; 100% of the rows had one before"],
        ["note 没有一行有值，以前 100% 的行有值"],
    )
    assert said(usual, "same_bytes") == (
        "held",
        [f"the bytes are those of {one} once more"],
        [f"与 {one} 的字节完全相同，又送来了一次"],
    )
    assert said(usual, "same_rows") == (
        "held",
        [f"the rows are those of {two} once more"],
        [f"与 {two} 的行完全相同，又送来了一次"],
    )
    told = {
        line.split("delivery=")[1].split(" ")[0]: line for line in caplog.messages if "event=held" in line
    }
    assert len(told) == 6
    assert 'difference="no rows; 40 are usual"' in told[json.dumps(usual.delivery("empty").short)]
    assert all("difference=" in line for line in told.values())
    why = checked(usual, "unfilled").why
    assert [words("zh").reason(reason) for reason in why] == [
        "与约定或常情不符：note 没有一行有值，以前 100% 的行有值"
    ]


SAID = "reason: so many come, since: 2024-01-01"


@pytest.mark.parametrize(
    ("usual", "rule", "rows", "verdict", "found"),
    [
        (40, "", 23, "held", ["23 rows, fewer than the usual 40"]),
        (40, "", 24, "accepted", []),
        (40, "", 72, "accepted", []),
        (40, "", 73, "held", ["73 rows, more than the usual 40"]),
        (10, "", 2, "held", ["2 rows, fewer than the usual 10"]),
        (10, "", 5, "accepted", []),
        (40, "vs_median: [0.9, 1.1]", 35, "held", ["35 rows, fewer than the usual 40"]),
        (40, "vs_median: [0.2, 5]", 20, "accepted", []),
        (40, "vs_median: [0.2, 5]", 7, "held", ["7 rows, fewer than the usual 40"]),
        (40, "vs_median: [0, 5]", 0, "held", ["no rows; 40 are usual"]),
        (40, "min: 30", 25, "held", ["25 rows, fewer than the usual 40"]),
        (40, "max: 30", 40, "held", []),
        (40, "min: 30, vs_median: null", 25, "held", []),
    ],
)
def test_the_volume_is_told_where_it_holds_a_delivery(
    make_city: Callable[..., City], usual: int, rule: str, rows: int, verdict: str, found: list[str]
) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none", tolerance=None)
    for number in range(2):
        city.put(f"p{number}.csv", body(usual, first=100 * number))
    city.walk()
    if rule:
        file = city.root / "expectations" / "plausibility" / "acity" / "events.yml"
        file.parent.mkdir(parents=True)
        file.write_text(f"rows: {{{rule}, {SAID}}}\n")
    city.put("p2.csv", body(rows, first=200))
    city.walk()
    assert said(city, "p2")[:2] == (verdict, found)


def test_what_came_later_says_nothing_of_what_was_usual_then(make_city: Callable[..., City]) -> None:
    rule = {"versions": {"rule": "append"}, "duplicates": "none", "tolerance": None}
    city = make_city(columns=COLUMNS, **rule)
    for partition, rows in (("p1", 40), ("p2", 70), ("p3", 95)):
        city.put(f"{partition}.csv", body(rows, first=rows * 10))
        city.walk()
    city.declare(columns=[*COLUMNS[:2], {**COLUMNS[2], "logicalTypeOptions": {"maxLength": 5}}], **rule)
    assert replay(city.node, city.delivery("p1")).entry is not None
    city.put("p4.csv", body(40, first=2000))
    city.walk()
    assert said(city, "p1")[0] == "accepted"
    assert "rows.vs_median" in city.ledger()["p4"].reason


def test_bytes_that_come_again_in_one_backfill_are_held(make_city: Callable[..., City]) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none", tolerance=None)
    for partition in ("p1", "p2", "p3"):
        city.put(f"{partition}.csv", body(3))
    city.walk()
    one = city.delivery("p1").short
    assert said(city, "p1")[:2] == ("accepted", [])
    for partition in ("p2", "p3"):
        assert said(city, partition)[:2] == ("held", [f"the bytes are those of {one} once more"])
    assert len(city.rows("id")) == 3


class Counting(LocalStore):
    """The node's own store, which counts what is opened in it."""

    opened = 0

    def open(self, key: str) -> BinaryIO:
        self.opened += 1
        return super().open(key)


@pytest.mark.parametrize("pending", [3, 9])
def test_a_step_reads_each_sidecar_once_however_many_are_pending(
    make_city: Callable[..., City], pending: int
) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none", tolerance=None)
    city.put("p0.csv", body(3))
    city.walk()
    for number in range(pending):
        city.put(f"q{number:02}.csv", body(3, first=10 * number + 10))
    walk.pull_step(city.node, DATASET, None)
    for step in (walk.stage_step, walk.check_step, walk.load_step):
        store = Counting(city.node.home / "snapshots")
        step(replace(city.node, snapshots=store), DATASET)
        assert store.opened == pending + 1, step.__name__
    assert len(city.rows("id")) == 3 * (pending + 1)
    city.put("r.csv", body(3, first=10 * pending))
    city.walk()
    last = city.delivery(f"q{pending - 1:02}").short
    assert said(city, "r")[:2] == ("held", [f"the bytes are those of {last} once more"])


def test_bytes_of_what_was_withdrawn_are_new(make_city: Callable[..., City]) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="none", tolerance=None)
    city.put("p1.csv", body(3))
    city.walk()
    decide(city.node, city.delivery("p1"), "withdraw", by="Li", reason="of another partition")
    city.put("p2.csv", body(3))
    city.walk()
    assert said(city, "p2")[:2] == ("accepted", [])


def test_a_difference_that_the_contract_tolerates_is_told_and_holds_nothing(
    make_city: Callable[..., City], caplog: pytest.LogCaptureFixture
) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, tolerance={"hold": 0.5, "refuse": 0.8})
    rows = [f"{at},{'N/A' if at % 4 == 0 else at},x" for at in range(100)]
    city.put("p1.csv", "\n".join(["id,n,note", *rows]))
    with caplog.at_level(logging.WARNING, "shanhai.notify"):
        city.walk()
    assert said(city, "p1")[:2] == ("accepted", ["25 of 100 rows: n has N/A where a value is missing"])
    (line,) = [line for line in caplog.messages if "event=" in line]
    assert "event=differs" in line
    assert "n has N/A where a value is missing" in line


def test_rows_that_come_again_are_nothing_where_the_contract_settles_them(
    make_city: Callable[..., City],
) -> None:
    city = make_city(columns=COLUMNS, versions={"rule": "append"}, duplicates="table", tolerance=None)
    for partition in ("p1", "p2"):
        city.put(f"{partition}.csv", body(40))
        city.walk()
    assert said(city, "p2") == ("accepted", [], [])
    assert city.ledger()["p2"].counts.duplicates == 40
