"""A delivery that is appended beside an earlier edition of itself is held, or people are told."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from one_city import DATASET, City

from shanhai.ingest.decide import decide
from shanhai.ingest.records import read_validation
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.walk import check_step, load_step, pull_step, stage_step
from shanhai.report.words import words

COLUMNS = [
    {"name": "id", "logicalType": "string", "required": True},
    {"name": "n", "logicalType": "integer", "required": True},
]
APPEND = {"versions": {"rule": "append"}, "duplicates": "none"}
OF_PARTS = {"by": "file", "pattern": r"^(?P<partition>[^_.]+)"}


def body(rows: int, *, first: int = 0) -> str:
    return "id,n\n" + "".join(f"{first + at},{at % 7}\n" for at in range(rows))


@pytest.fixture
def once(make_city: Callable[..., City]) -> City:
    """A city that appends what comes, with one day of forty rows, and others since."""
    city = make_city(columns=COLUMNS, **APPEND)
    city.put("p1.csv", body(40))
    city.walk()
    for number in range(2, 12):
        city.put(f"p{number}.csv", body(45, first=1000 * number))
    city.walk()
    assert len(city.rows()) == 490
    return city


def said(city: City, partition: str) -> tuple[str, list[str], list[str]]:
    found = read_validation(city.node, city.delivery(partition))
    assert found is not None
    told = found.differences
    return found.verdict, [one.text for one in told], [words("zh").difference(one) for one in told]


@pytest.mark.parametrize(
    ("pattern", "told"), [(OF_PARTS["pattern"], True), (r"^(?P<partition>[^_]+)_(?P<edition>.)", False)]
)
def test_a_part_that_another_one_replaces_is_told(
    make_city: Callable[..., City], pattern: str, told: bool
) -> None:
    partition = {"by": "file", "pattern": pattern}
    stated = {"versions": {"rule": "replace"}, "duplicates": "delivery"}
    city = make_city(columns=COLUMNS, delivery={"per": "file", "partition": partition}, **stated)
    city.put("p1_a.csv", body(5))
    city.put("p1_b.csv", body(7, first=100))
    city.walk()
    first, second = (one.id for one in sidecars(city.node, DATASET))
    found = {one: read_validation(city.node, one) for one in (first, second)}
    assert found[first].differences == ()
    sentence = f"the same pull brought {first.short} for the partition; rows of one alone stay"
    assert [one.text for one in found[second].differences] == [sentence] * told
    assert (found[second].verdict, len(city.rows())) == ("accepted", 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\n".join(["id,n", *reversed(text.splitlines()[1:])]),
    ],
    ids=["line ends", "byte order mark", "order"],
)
def test_a_day_that_comes_again_written_otherwise_is_held(once: City, change: Callable[[str], str]) -> None:
    first = once.delivery("p1").short
    once.put("p1.csv", change(body(40)))
    once.walk()
    assert said(once, "p1") == (
        "held",
        [f"the rows are those of {first} once more"],
        [f"与 {first} 的行完全相同，又送来了一次"],
    )
    assert len(once.rows()) == 490


@pytest.mark.parametrize(
    ("again", "told"),
    [(body(40).replace("3,3\n", "3,4\n", 1), (39, 40)), (body(60), (40, 60))],
    ids=["corrected", "grown"],
)
def test_most_rows_of_an_earlier_edition_are_held(once: City, again: str, told: tuple[int, int]) -> None:
    first, (rows, of_rows) = once.delivery("p1"), told
    once.put("p1.csv", again)
    once.walk()
    assert said(once, "p1") == (
        "held",
        [f"{rows} of {of_rows} rows are those of {first.short} once more"],
        [f"{of_rows} 行中有 {rows} 行与 {first.short} 的相同，又送来了一次"],
    )
    corrected = once.delivery("p1")
    decide(once.node, first, "withdraw", by="Li", reason="corrected")
    decide(once.node, corrected, "approve", by="Li", reason="the right one")
    assert len(once.rows()) == 450 + of_rows


def test_other_rows_for_a_day_that_has_some_are_told_and_kept(
    once: City, caplog: pytest.LogCaptureFixture
) -> None:
    first = once.delivery("p1").short
    once.put("p1.csv", body(45, first=100))
    with caplog.at_level(logging.WARNING, "shanhai.notify"):
        once.walk()
    assert said(once, "p1") == (
        "accepted",
        [f"the partition has rows already, of {first}; those of both are kept"],
        [f"该分区已有 {first} 的行；两者的行都保留"],
    )
    (line,) = [line for line in caplog.messages if "event=" in line]
    assert "event=differs" in line
    assert len(once.rows()) == 535


def test_two_editions_that_wait_for_one_check_are_compared_too(make_city: Callable[..., City]) -> None:
    city = make_city(columns=COLUMNS, **APPEND)
    for text in (body(40), body(40).replace("3,3\n", "3,4\n", 1)):
        city.put("p1.csv", text)
        pull_step(city.node, DATASET, None)
    for step in (stage_step, check_step, load_step):
        step(city.node, DATASET)
    assert said(city, "p1")[0] == "held"
    assert len(city.rows()) == 40


def test_files_that_one_pull_brought_for_a_day_are_parts_of_it(make_city: Callable[..., City]) -> None:
    city = make_city(columns=COLUMNS, **APPEND, delivery={"per": "file", "partition": OF_PARTS})
    for part in range(3):
        city.put(f"p1_{part}.csv", body(40, first=20 * part))
    city.walk()
    assert said(city, "p1") == ("accepted", [], [])
    assert len(city.rows()) == 120


@pytest.mark.parametrize(("name", "verdict"), [("all.csv", "held"), ("more.csv", "accepted")])
def test_without_partitions_a_name_that_comes_again_tells_an_edition(
    make_city: Callable[..., City], name: str, verdict: str
) -> None:
    city = make_city(columns=COLUMNS, **APPEND, delivery={"per": "file", "partition": {"by": "none"}})
    city.put("all.csv", body(40))
    city.walk()
    first = city.delivery("all").short
    (city.data / "all.csv").unlink()
    city.put(name, body(60))
    city.walk()
    told = [f"40 of 60 rows are those of {first} once more"] if verdict == "held" else []
    assert said(city, "all")[:2] == (verdict, told)


def test_once_the_earlier_is_withdrawn_another_edition_is_new(once: City) -> None:
    decide(once.node, once.delivery("p1"), "withdraw", by="Li", reason="wrong")
    once.put("p1.csv", body(60))
    once.walk()
    assert said(once, "p1") == ("accepted", [], [])
