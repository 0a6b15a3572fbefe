"""Columns whose names are words of our own SQL go through every rule, and through every decision."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest
from one_city import COLUMNS, City

from shanhai.contracts.federation import open_federation
from shanhai.contracts.render_dbt import render
from shanhai.ingest.decide import decide
from shanhai.ingest.quarantine import groups
from shanhai.ingest.recount import recount
from shanhai.ingest.release import release
from shanhai.ingest.replay import replay
from shanhai.warehouse.sources import create_views, pin

WORDS = """
place copy rank why hash reasons raw body position released rows checked delivery lost newest contested
rule count value key order select group table all old_rows fresh firsts t o l c r one other verdict file
lost_old lost_new verdicts every_row version row_number columns unnest dataset district line part scratch
memory main filter exclude replace qualify partition over by null true cast end case when from where join
using limit place_ txt malformed broken losers waived seen last first date time timestamp interval year
of_partition of
"""
NAMES = re.findall(r"\w+", WORDS)
RULES: dict[str, dict[str, Any]] = {
    "append, none": {"versions": {"rule": "append"}, "duplicates": "none"},
    "append, delivery": {"versions": {"rule": "append"}, "duplicates": "delivery"},
    "append, table": {"versions": {"rule": "append"}, "duplicates": "table"},
    "latest": {"versions": {"rule": "latest", "by": "at"}, "duplicates": "table"},
    "history": {"versions": {"rule": "history", "by": "at"}, "duplicates": "table"},
    "replace": {"versions": {"rule": "replace"}, "duplicates": "delivery"},
}
LI = {"by": "Li", "reason": "x"}


def csv(*rows: tuple[str, int, int]) -> str:
    """Rows of an id, a number and a day; every other column has the id as its value."""
    lines = (
        f"{one},{n},2024-01-{day:02} 00:00:00," + ",".join(f"v{one}" for _ in NAMES) for one, n, day in rows
    )
    return f"编号,n,at,{','.join(NAMES)}\n" + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("rule", RULES)
def test_a_column_may_have_any_name(rule: str, city: City) -> None:
    text = [{"name": name, "logicalType": "string"} for name in NAMES]
    city.declare([*COLUMNS, *text], tolerance={"hold": 0.9, "refuse": 0.95}, **RULES[rule])
    city.put("p1.csv", csv(("a", 1, 1), ("b", 1, 1), ("b", 1, 1), ("c", -1, 2)))
    city.put("p2.csv", csv(("a", 2, 2), ("b", 1, 1), ("d", 4, 1)))
    city.walk()
    before = city.rows()
    delivery = city.delivery("p1")
    decide(city.node, delivery, "withdraw", **LI)
    decide(city.node, delivery, "approve", **LI)
    replay(city.node, delivery, **LI)
    assert recount(city.node, delivery).agrees
    assert city.rows() == before
    release(city.node, delivery, ["n.range"], **LI)
    assert ("c", -1) in city.rows()
    assert [(one.reason, one.state, one.rows) for one in groups(city.node)] == [("n.range", "released", 1)]
    assert model(city) == len(city.rows())


def model(city: City) -> int:
    """How many rows the dataset's model in dbt has."""
    (sql,) = (
        text for path, text in render(open_federation(city.root)).items() if path.name.startswith("stg_")
    )
    sql = sql.replace("{{ source('acity', 'events') }}", "acity.events")
    node = city.node
    with duckdb.connect() as con:
        create_views(con, node.settings, node.federation, pin(node.settings, node.federation))
        return len(con.execute(sql).fetchall())
