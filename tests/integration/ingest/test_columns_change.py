"""A table with data, and a contract that gains, drops or requires a column: old files beside new ones."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from one_city import COLUMNS, City

from shanhai.ids import DatasetId
from shanhai.ingest.decide import decide
from shanhai.ingest.load import open_table
from shanhai.ingest.recount import recount
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import create_views, pin

DATASET = DatasetId("acity", "events")
NOTE = {"name": "note", "logicalType": "string"}
DECIDED = {"by": "Li", "reason": "test"}
RULES: dict[str, dict[str, Any]] = {
    "latest": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
    "history": {"versions": {"rule": "history", "by": "at"}, "duplicates": "table"},
    "append": {"versions": {"rule": "append"}, "duplicates": "table"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "delivery"},
}


def built(city: City, columns: str) -> list[tuple[Any, ...]]:
    """The rows as a build sees them: by the contract as it is now, at the pinned version."""
    node, con = city.node, duckdb.connect()
    create_views(con, node.settings, node.federation, pin(node.settings, node.federation))
    return con.execute(f"SELECT {columns} FROM acity.events ORDER BY ALL").fetchall()


@pytest.mark.parametrize("rule", RULES)
def test_a_column_that_is_new_is_missing_in_what_came_before(make_city, rule: str):
    city = make_city(**RULES[rule])
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,1,2024-01-01\n")
    city.walk()
    city.declare(columns=[*COLUMNS, NOTE], **RULES[rule])
    city.put("p2.csv", "编号,n,at,note\nb,2,2024-01-02,new\nc,2,2024-01-02,new\n")
    city.walk()
    older = [] if rule == "latest" else [("b", 1, None)]
    after = [("a", 1, None), *older, ("b", 2, "new"), ("c", 2, "new")]
    assert built(city, "id, n, note") == after
    # A table that is made anew has both kinds of files, and a delivery that came before the column returns.
    first, second = city.delivery("p1"), city.delivery("p2")
    decide(city.node, second, "withdraw", **DECIDED)
    assert built(city, "id, n, note") == [("a", 1, None), ("b", 1, None)]
    decide(city.node, second, "approve", **DECIDED)
    assert built(city, "id, n, note") == after
    decide(city.node, first, "withdraw", **DECIDED)
    assert built(city, "id, n, note") == [("b", 2, "new"), ("c", 2, "new")]
    assert recount(city.node, second).agrees


@pytest.mark.parametrize("rule", RULES)
def test_an_optional_column_that_is_dropped_stays_in_the_files_that_have_it(make_city, rule: str):
    city = make_city()
    city.declare(columns=[*COLUMNS, NOTE], **RULES[rule])
    city.put("p1.csv", "编号,n,at,note\na,1,2024-01-01,x\nb,1,2024-01-01,y\n")
    city.walk()
    city.declare(ignored=["note"], **RULES[rule])
    city.put("p2.csv", "编号,n,at,note\nb,2,2024-01-02,z\n")
    city.walk()
    older = [] if rule == "latest" else [("b", 1)]
    assert built(city, "id, n") == [("a", 1), *older, ("b", 2)]
    assert "note" not in [name for (name, *_) in _described(city)]
    relation = open_table(city.node, DATASET).relation()
    with duckdb_session(city.node.settings) as con:
        kept = con.execute(f"SELECT id, note FROM {relation} WHERE note IS NOT NULL ORDER BY id").fetchall()
    assert ("a", "x") in kept
    decide(city.node, city.delivery("p2"), "withdraw", **DECIDED)
    assert built(city, "id, n") == [("a", 1), ("b", 1)]
    # It comes back with what was kept.
    city.declare(columns=[*COLUMNS, NOTE], **RULES[rule])
    assert built(city, "id, note") == [("a", "x"), ("b", "y")]


def _described(city: City) -> list[tuple[Any, ...]]:
    node, con = city.node, duckdb.connect()
    create_views(con, node.settings, node.federation, pin(node.settings, node.federation))
    return con.execute("DESCRIBE acity.events").fetchall()


def test_rows_of_a_delivery_that_came_again_without_a_dropped_column_are_duplicates(make_city):
    city = make_city()
    city.declare(columns=[*COLUMNS, NOTE], **RULES["append"])
    city.put("p1.csv", "编号,n,at,note\na,1,2024-01-01,x\na,1,2024-01-01,y\nb,1,2024-01-01,x\n")
    city.walk()
    city.declare(**RULES["append"])
    city.put("p2.csv", "编号,n,at\na,1,2024-01-01\nc,1,2024-01-01\n")
    city.walk()
    # Two rows that the new contract cannot tell apart were two when they came: none of them goes.
    assert city.rows() == [("a", 1), ("a", 1), ("b", 1), ("c", 1)]
    assert city.ledger()["p2"].counts.duplicates == 1
    # The same when the table is made anew, for the sake of another delivery.
    city.put("p3.csv", "编号,n,at\nd,1,2024-01-01\n")
    city.walk()
    decide(city.node, city.delivery("p3"), "withdraw", **DECIDED)
    assert city.rows() == [("a", 1), ("a", 1), ("b", 1), ("c", 1)]
    assert city.ledger()["p2"].counts.duplicates == 1


def test_a_column_that_becomes_required_leaves_old_rows_until_they_are_staged_again(make_city):
    city = make_city()
    city.declare(columns=[*COLUMNS, NOTE])
    city.put("p1.csv", "编号,n,at,note\na,1,2024-01-01,\nb,1,2024-01-01,y\n")
    city.walk()
    city.declare(columns=[*COLUMNS, {**NOTE, "required": True}])
    city.put("p2.csv", "编号,n,at,note\nc,1,2024-01-02,\nd,1,2024-01-02,z\n")
    city.walk()
    assert built(city, "id, note") == [("a", None), ("b", "y"), ("d", "z")]
    assert city.ledger()["p2"].counts.quarantined == 1
    assert city.ledger()["p1"].counts.quarantined == 0
