"""A column that the source gives since some day: older deliveries may lack it, younger ones are held."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from one_city import COLUMNS, DATASET, City

from shanhai.cli import main
from shanhai.ingest.behind import behind
from shanhai.ingest.ledger import ledger
from shanhai.ingest.records import Staging, read_record, read_staging, read_validation
from shanhai.ingest.replay import replay
from shanhai.report.verify import verify
from shanhai.report.write import write_report

HEAD, NEW = "编号,n,at\n", "编号,n,at,note\n"
NOTE: dict[str, Any] = {"name": "note", "logicalType": "string"}


def since(value: str) -> dict[str, Any]:
    return {**NOTE, "customProperties": [{"property": "since", "value": value}]}


def rows(day: int, *, note: bool) -> str:
    lines = (f"{day}-{one},1,2024-03-{day:02}{',x' if note else ''}\n" for one in range(25))
    return (NEW if note else HEAD) + "".join(lines)


def empty_rows(day: int) -> str:
    """Rows of a day before the column came, from a source that has had the heading ever since."""
    return rows(day, note=True).replace(",x\n", ",\n")


def records(day: int, *, note: bool) -> str:
    """Rows of a day as NDJSON; those from before the column came have no such key, or null there."""
    came = {"note": "x"} if note else {"note": None}
    return "".join(
        json.dumps(
            {"编号": f"{day}-{one}", "n": 1, "at": f"2024-03-{day:02}", **(came if note or one % 2 else {})}
        )
        + "\n"
        for one in range(25)
    )


def run(city: City, *arguments: str) -> int:
    return main(["--home", str(city.root / "home"), "--federation", str(city.root), *arguments])


@pytest.mark.parametrize("order", itertools.permutations((3, 4, 5)), ids=str)
def test_older_days_are_accepted_whenever_they_come(city: City, order: tuple[int, ...]):
    city.declare(columns=[*COLUMNS, since("2024-03-05")])
    for day in order:
        city.put(f"2024-03-{day:02}.csv", rows(day, note=day == 5))
        city.walk()
    assert {row.verdict for row in city.ledger().values()} == {"accepted"}
    assert len(city.rows("note")) == 75
    assert city.rows("DISTINCT note") == [("x",), (None,)]
    old = city.delivery("2024-03-04")
    staging = read_staging(city.node, old)
    assert staging is not None
    assert (staging.missing, staging.not_yet) == ((), ("note",))


def test_a_younger_day_without_it_is_held(city: City):
    city.declare(columns=[*COLUMNS, since("2024-03-05")])
    city.put("2024-03-06.csv", rows(6, note=False))
    city.walk()
    assert city.ledger()["2024-03-06"].reason == "missing heading: note"


def test_it_is_emptied_in_what_is_younger_alone(city: City):
    city.declare(columns=[*COLUMNS, since("2024-03-05")])
    for day in (5, 6, 7):
        city.put(f"2024-03-{day:02}.csv", rows(day, note=True))
        city.walk()
    city.put("2024-03-02.csv", rows(2, note=False))
    city.put("2024-03-08.csv", rows(8, note=True).replace(",x\n", ",\n"))
    city.walk()
    assert city.ledger()["2024-03-02"].verdict == "accepted"
    assert "note has no value in any row" in city.ledger()["2024-03-08"].reason


NDJSON: dict[str, Any] = {
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.ndjson"}},
    "format": {"kind": "ndjson"},
}


@pytest.mark.parametrize(
    ("stated", "ending", "young", "old"),
    [
        (NDJSON, "ndjson", partial(records, note=True), partial(records, note=False)),
        ({}, "csv", partial(rows, note=True), empty_rows),
    ],
    ids=["records without the key", "cells without a text"],
)
def test_an_older_day_without_a_value_is_backfilled(
    city: City,
    capsys: pytest.CaptureFixture[str],
    stated: dict[str, Any],
    ending: str,
    young: Callable[[int], str],
    old: Callable[[int], str],
):
    city.declare(columns=[*COLUMNS, since("2024-03-05")], **stated)
    must_be_filled(city)
    for day in (5, 6):
        city.put(f"2024-03-{day:02}.{ending}", young(day))
    city.walk()
    city.put(f"2024-03-02.{ending}", old(2))
    city.walk()
    assert {row.verdict for row in city.ledger().values()} == {"accepted"}
    capsys.readouterr()
    assert run(city, "delivery", "show", city.delivery("2024-03-02").short, "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["not_given_yet"], shown["differences"], shown["findings"]) == (["note"], [], [])

    city.put(f"2024-03-08.{ending}", old(8))
    city.walk()
    last = city.ledger()["2024-03-08"]
    assert last.verdict == "held"
    assert "note has no value in any row" in last.reason
    assert "implausible fill.note" in last.reason


def test_an_older_day_of_another_delimiter_is_told_as_that(city: City):
    later = [{**since("2024-03-05"), "name": f"note_{number}"} for number in range(4)]
    city.declare(columns=[*COLUMNS, *later])
    city.put("2024-03-02.csv", rows(2, note=False).replace(",", ";"))
    city.walk()
    reason = city.ledger()["2024-03-02"].reason
    assert "none of the 3 headings of the contract is there" in reason
    validation = read_validation(city.node, city.delivery("2024-03-02"))
    assert validation is not None
    assert [difference.kind for difference in validation.differences] == ["delimiter"]


def test_the_report_misses_no_heading_that_came_later(city: City, capsys: pytest.CaptureFixture[str]):
    city.declare(columns=[*COLUMNS, since("2024-03-05")])
    city.put("2024-03-02.csv", rows(2, note=False))
    city.put("2024-03-05.csv", rows(5, note=True))
    city.walk()
    write_report(city.node)
    home = city.root / "home"
    assert verify(city.node, home / "report").differences == []
    pages = [page.read_text(encoding="utf-8") for page in (home / "report").rglob("*.html")]
    assert [page.count("Not given yet") for page in pages if "Not given yet" in page] == [1]
    capsys.readouterr()
    assert run(city, "report", "scores", "--format", "json") == 0
    scores = {one["indicator"]: (one["a"], one["b"]) for one in json.loads(capsys.readouterr().out)}
    assert scores["expected_headings"] == (7, 7)


def must_be_filled(city: City) -> None:
    file = city.root / "expectations" / "plausibility" / "acity" / "events.yml"
    file.parent.mkdir(parents=True)
    file.write_text("fill: {note: {min: 0.5, since: 2024-01-01, reason: always told}}\n")


def test_what_was_pulled_before_is_replayed(city: City, capsys: pytest.CaptureFixture[str]):
    city.put("2024-03-04.csv", rows(4, note=False))
    city.walk()
    city.declare(columns=[*COLUMNS, since("2024-03-05")])
    (old,) = behind(city.node, DATASET)
    entry = replay(city.node, old).entry
    assert entry is not None
    record = read_record(city.node, old, entry.staging, Staging)
    assert record is not None
    assert record.not_yet == ("note",)
    assert behind(city.node, DATASET) == []
    assert run(city, "delivery", "show", old.short, "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["not_given_yet"], shown["differences"]) == (["note"], [])


def test_a_pull_tells_the_age_where_nothing_else_does(make_city):
    whole = {"delivery": {"per": "pull", "partition": {"by": "none"}}}
    city = make_city(**whole)
    city.put("a.csv", rows(4, note=False))
    city.walk()
    moment = city.clock().isoformat(timespec="seconds")
    city.declare(columns=[*COLUMNS, since(moment)], **whole)
    (old,) = behind(city.node, DATASET)
    assert replay(city.node, old).entry is not None
    city.put("a.csv", rows(5, note=False))
    city.walk()
    assert sorted(row.verdict for row in ledger(city.node)) == ["accepted", "held"]


def test_the_proposal_for_a_new_column_states_it(city: City):
    city.put("2024-03-05.csv", rows(5, note=True))
    city.walk()
    assert run(city, "contract", "propose", "acity.events/2024-03-05", "--write") == 0
    assert city.node.federation.contract(DATASET).column("note").since == "2024-03-05"


@pytest.mark.parametrize(("stated", "ending", "made"), [({}, "csv", rows), (NDJSON, "ndjson", records)])
def test_it_is_proposed_for_what_is_held_since_it_is_older(
    city: City,
    capsys: pytest.CaptureFixture[str],
    stated: dict[str, Any],
    ending: str,
    made: Callable[..., str],
):
    city.declare(columns=[*COLUMNS, NOTE], **stated)
    for day in (6, 5):
        city.put(f"2024-03-{day:02}.{ending}", made(day, note=True))
    city.walk()
    for day in (2, 9):
        city.put(f"2024-03-{day:02}.{ending}", made(day, note=False))
    city.walk()
    assert {city.ledger()[partition].verdict for partition in ("2024-03-02", "2024-03-09")} == {"held"}
    assert run(city, "contract", "propose", "acity.events/2024-03-09") == 78
    capsys.readouterr()
    assert run(city, "contract", "propose", "acity.events/2024-03-02", "--write") == 0
    assert city.node.federation.contract(DATASET).column("note").since == "2024-03-05"
    assert run(city, "generate") == 0
    assert run(city, "delivery", "approve", "acity.events/2024-03-02", "--by", "Li", "--reason", "old") == 0
    assert city.ledger()["2024-03-02"].verdict == "accepted"
