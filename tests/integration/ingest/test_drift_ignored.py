"""What a delivery may differ in without a word: the rows of the guide's table, ignored on purpose."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from one_city import City
from sql_events import COMMON

from shanhai.ingest.ledger import ledger
from shanhai.ingest.records import read_validation

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "logicalType": "string", "required": True, "primaryKey": True},
    {"name": "n", "logicalType": "integer", "required": True},
    {"name": "note", "logicalType": "string"},
    {"name": "at", "logicalType": "timestamp", "required": True},
]
APPENDED: dict[str, Any] = {"versions": {"rule": "append"}, "duplicates": "none"}


def body(rows: int, *, first: int = 0, bad: int = 0, wrong: str = "") -> str:
    """Rows of which the last few have something else for `n`."""
    numbers = [str(at % 7) if at < rows - bad else f"{at % 7}{wrong}" for at in range(rows)]
    lines = (f"{first + at},{number},x,2024-01-01\n" for at, number in enumerate(numbers))
    return "id,n,note,at\n" + "".join(lines)


def told(city: City, partition: str) -> tuple[str, list[str]]:
    found = read_validation(city.node, city.delivery(partition))
    assert found is not None
    return found.verdict, [one.kind for one in found.differences]


@pytest.mark.parametrize(
    ("header", "row", "found"),
    [
        ("id,n,note,at,who", "a,1,x,2024-01-01,Li", []),
        ("id,n,note,at", "a,1,x,2024-01-01", []),
        ("id,n,note,at,whom", "a,1,x,2024-01-01,Li", ["new_column"]),
    ],
    ids=["there", "gone", "another"],
)
def test_a_heading_that_somebody_decided_about(
    make_city: Callable[..., City], header: str, row: str, found: list[str]
) -> None:
    city = make_city(columns=COLUMNS, ignored=["who"], **APPENDED)
    city.put("p1.csv", f"{header}\n{row}\n")
    city.walk()
    assert told(city, "p1") == ("held" if found else "accepted", found)


@pytest.mark.parametrize(
    ("rows", "bad", "found"),
    [(100, 2, []), (100, 3, ["new_missing"]), (1000, 4, []), (1000, 5, ["new_missing"])],
)
def test_few_rows_that_are_wrong_in_one_way(
    make_city: Callable[..., City], rows: int, bad: int, found: list[str]
) -> None:
    city = make_city(columns=COLUMNS, **APPENDED)
    lines = body(rows).splitlines()
    cells = (f"m{at},N/A,x,2024-01-01" for at in range(bad))
    city.put("p1.csv", "\n".join([*lines[: rows + 1 - bad], *cells, ""]))
    city.walk()
    assert told(city, "p1") == ("accepted", found)
    assert city.ledger()["p1"].counts.quarantined == bad


@pytest.mark.parametrize("wrong", ["kg", ".5", "月"], ids=["a unit", "decimals", "another unit"])
@pytest.mark.parametrize(("bad", "found"), [(19, []), (20, ["retyped_column"])])
def test_another_type_or_unit_in_less_than_a_tenth_of_a_column(
    make_city: Callable[..., City], wrong: str, bad: int, found: list[str]
) -> None:
    city = make_city(columns=COLUMNS, **APPENDED)
    city.put("p1.csv", body(200, bad=bad, wrong=wrong))
    city.walk()
    assert told(city, "p1") == ("accepted", found)
    assert city.ledger()["p1"].counts.quarantined == bad


@pytest.mark.parametrize(("usual", "verdict"), [(19, "accepted"), (20, "held")])
@pytest.mark.parametrize("times", [0.5, 2])
def test_half_or_twice_as_many_of_few(
    make_city: Callable[..., City], usual: int, verdict: str, times: float
) -> None:
    city = make_city(columns=COLUMNS, **APPENDED)
    for number in range(2):
        city.put(f"p{number}.csv", body(usual, first=100 * number))
    city.walk()
    city.put("p2.csv", body(round(usual * times), first=200))
    city.walk()
    assert told(city, "p2") == (verdict, [] if verdict == "accepted" else ["volume"])


def test_any_number_where_the_plausibility_file_says_so(make_city: Callable[..., City]) -> None:
    city = make_city(columns=COLUMNS, **APPENDED)
    file = city.root / "expectations" / "plausibility" / "acity" / "events.yml"
    file.parent.mkdir(parents=True)
    file.write_text("rows: {min: 0, vs_median: null, reason: on request alone, since: 2024-01-01}\n")
    for number, rows in enumerate((40, 40, 1, 0, 400)):
        city.put(f"p{number}.csv", body(rows, first=1000 * number))
        city.walk()
        assert told(city, f"p{number}") == ("accepted", [])


def test_any_number_but_none_from_a_source_with_a_cursor(make_city: Callable[..., City]) -> None:
    options = {"file": "city.db", "table": "events", "cursor": {"column": "at"}}
    city = make_city(**{**COMMON, "source": {"connector": "sql", "endpoint": "data", "options": options}})
    city.data.mkdir()
    with contextlib.closing(sqlite3.connect(city.data / "city.db")) as con:
        con.execute("CREATE TABLE events (编号 TEXT PRIMARY KEY, n INTEGER, at TEXT)")
        for day, rows in enumerate((40, 40, 3, 200), start=1):
            new = [(f"{day} {at}", at, f"2024-02-{day:02} 10:00:00.{at:06}") for at in range(rows)]
            with con:
                con.executemany("INSERT INTO events VALUES (?, ?, ?)", new)
            city.walk()
    books = ledger(city.node)
    assert [row.verdict for row in books] == ["accepted"] * 4
    assert (
        max(row.counts.rows_in for row in books) > 2 * 40 > 40 / 2 > min(row.counts.rows_in for row in books)
    )
    staged = [read_validation(city.node, row.delivery) for row in books]
    assert [found.differences for found in staged if found is not None] == [()] * 4


@pytest.mark.parametrize("rule", ["latest", "history", "replace"])
def test_the_same_content_once_more_where_nothing_is_appended(
    make_city: Callable[..., City], rule: str
) -> None:
    by = {} if rule == "replace" else {"by": "at"}
    city = make_city(columns=COLUMNS, versions={"rule": rule, **by}, duplicates="delivery")
    for partition in ("p1", "p2"):
        city.put(f"{partition}.csv", body(40))
        city.walk()
        assert told(city, partition) == ("accepted", [])


def test_values_that_moved_between_columns_without_rules(make_city: Callable[..., City]) -> None:
    columns = [*COLUMNS, {"name": "place", "logicalType": "string"}]
    city = make_city(columns=columns, **APPENDED)
    for partition, cells in (("p1", "seen,Longyou"), ("p2", "Longyou,seen")):
        lines = "".join(f"{partition}{at},1,2024-01-01,{cells}\n" for at in range(40))
        city.put(f"{partition}.csv", f"id,n,at,note,place\n{lines}")
        city.walk()
        assert told(city, partition) == ("accepted", [])
