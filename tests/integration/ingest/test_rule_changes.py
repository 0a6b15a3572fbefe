"""A contract that gets another rule for key, copies or versions, on a table with rows: replays follow it."""

from __future__ import annotations

from typing import Any

import pytest
from one_city import COLUMNS, DATASET, City

from shanhai.ingest.behind import behind
from shanhai.ingest.books import Counts
from shanhai.ingest.decide import decide
from shanhai.ingest.replay import replay

WHO = {"by": "Li", "reason": "test"}
RULES: dict[str, dict[str, Any]] = {
    "everything": {"versions": {"rule": "append"}, "duplicates": "none"},
    "copies": {"versions": {"rule": "append"}, "duplicates": "table"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "delivery"},
    "latest": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
    "history": {"versions": {"rule": "history", "by": "at"}, "duplicates": "table"},
}
TABLES = {
    "everything": [("k", 1), ("k", 1), ("k", 2), ("l", 5)],
    "copies": [("k", 1), ("k", 2), ("l", 5)],
    "replace": [("k", 1), ("k", 2)],
    "latest": [("k", 2), ("l", 5)],
    "history": [("k", 1), ("k", 2), ("l", 5)],
}
PAIRS = [
    ("everything", "latest"),
    ("latest", "history"),
    ("history", "replace"),
    ("replace", "copies"),
    ("copies", "everything"),
    ("latest", "everything"),
]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_once_what_is_behind_is_replayed_the_table_is_that_of_the_rule(make_city, before: str, after: str):
    city: City = make_city(**RULES[before])
    for name, rows in {"p.1": "k,1,2024-01-01\nl,5,2024-01-01\n", "p.2": "k,1,2024-01-01\n"}.items():
        city.put(f"{name}.csv", f"编号,n,at\n{rows}")
        city.walk()
    city.put("q.3.csv", "编号,n,at\nk,2,2024-01-02\n")
    city.walk()
    assert city.rows() == TABLES[before]
    city.declare(**RULES[after])
    for _ in range(2):
        for delivery in behind(city.node, DATASET):
            replay(city.node, delivery)
        assert city.rows() == TABLES[after]
    assert behind(city.node, DATASET) == []


def test_rows_from_before_a_key_are_no_versions_of_each_other(city: City):
    city.put("a.csv", "编号,n,at\nk,1,2024-01-01\nl,2,2024-01-01\nm,3,2024-01-01\n")
    city.walk()
    columns = [dict(column) for column in COLUMNS]
    del columns[0]["primaryKey"]
    city.declare([*columns, {"name": "number", "logicalType": "string", "primaryKey": True}])
    city.put("b.csv", "编号,n,at,number\nk,4,2024-01-02,7\n")
    city.walk()
    decide(city.node, city.delivery("b"), "withdraw", **WHO)
    assert city.rows() == [("k", 1), ("l", 2), ("m", 3)]
    assert city.ledger()["a"].counts == Counts(rows_in=3, loaded=3)
