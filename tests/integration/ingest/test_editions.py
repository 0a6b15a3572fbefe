"""The newest edition holds its partition, however late another is loaded, and whatever the clock says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from one_city import HEADER, City

from shanhai.contracts.partitions import edition_of
from shanhai.ids import DatasetId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.snapshot import pull

DATASET = DatasetId("acity", "events")
REPLACE: dict[str, Any] = {"versions": {"rule": "replace"}, "duplicates": "delivery"}
NAMED = {
    "per": "file",
    "partition": {"by": "edition", "pattern": r"^(?P<partition>p\d)(\.v(?P<edition>\d+))?\."},
}
DECIDED = {"by": "Li", "reason": "test"}


def file(n: str, *more: str) -> str:
    return HEADER + "".join(f"k{place},{text},2024-01-01\n" for place, text in enumerate((n, *more)))


def loaded(city: City) -> list[tuple[int, int]]:
    """Rows loaded and superseded, by delivery in the order of the pulls."""
    return [(row.counts.loaded, row.counts.superseded) for row in ledger(city.node)]


def test_an_older_edition_that_is_approved_later_does_not_win(make_city):
    city = make_city(**REPLACE)
    city.put("p1.csv", file("1", "x", "x"))
    assert city.walk()["held"]
    held = city.delivery("p1")
    city.put("p1.csv", file("2"))
    city.walk()
    entry = decide(city.node, held, "approve", **DECIDED)
    assert (entry.loaded, entry.superseded) == (0, 1)
    assert city.rows() == [("k0", 2)]
    (newer,) = [row.delivery for row in ledger(city.node) if row.delivery != held]
    decide(city.node, newer, "withdraw", **DECIDED)
    assert city.rows() == [("k0", 1)]
    decide(city.node, newer, "approve", **DECIDED)
    assert city.rows() == [("k0", 2)]


def test_a_clock_that_was_set_back_makes_no_edition_older(make_city):
    city = make_city(**REPLACE)
    city.put("p1.csv", file("1"))
    city.walk()
    city.now -= timedelta(days=400)
    city.put("p1.csv", file("2"))
    city.walk()
    assert city.rows() == [("k0", 2)]


def test_an_edition_that_is_told_by_name_is_newer_than_one_that_came_later(make_city):
    city = make_city(**REPLACE, delivery=NAMED)
    for name, n in (("p1.v10.csv", "10"), ("p1.csv", "0"), ("p1.v9.csv", "9")):
        city.put(name, file(n))
        city.walk()
        assert city.rows() == [("k0", 10)]
    city.put("p1.v11.csv", file("11"))
    city.walk()
    assert city.rows() == [("k0", 11)]


def test_files_of_one_pull_are_newer_in_the_order_of_their_names(make_city):
    city = make_city(**REPLACE)
    city.put("p1.a.csv", file("1"))
    city.put("p1.b.csv", file("2"))
    assert len(pull(city.node, DATASET)) == 2
    city.walk()
    assert city.rows() == [("k0", 2)]


def test_a_source_that_goes_back_to_an_older_edition_is_told_of(make_city, caplog: pytest.LogCaptureFixture):
    city = make_city(**REPLACE)
    for n in ("1", "2"):
        city.put("p1.csv", file(n))
        city.walk()
    city.walk()
    older, newer = (row.delivery for row in ledger(city.node))
    assert "event=returned" not in caplog.text
    city.put("p1.csv", file("1"))
    city.walk()
    assert f'event=returned delivery="{older.short}" newer="{newer.short}"' in caplog.text
    assert city.rows() == [("k0", 2)]
    decide(city.node, newer, "withdraw", **DECIDED)
    assert city.rows() == [("k0", 1)]
    caplog.clear()
    city.walk()
    assert "event=returned" not in caplog.text


@pytest.mark.parametrize(
    ("older", "newer"), [("p1.csv", "p1.v1.csv"), ("p1.v2.csv", "p1.v10.csv"), ("p1.v02.csv", "p1.v3.csv")]
)
def test_digits_of_an_edition_are_numbers(city: City, older: str, newer: str):
    city.declare(**REPLACE, delivery=NAMED)
    (contract,) = city.node.federation.contracts.values()
    assert edition_of(contract, older) < edition_of(contract, newer)
