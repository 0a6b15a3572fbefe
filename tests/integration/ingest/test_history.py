"""Every version of a key stays, with its time: told by the staging model, and by plain SQL of the guide."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from duckdb_extensions import import_extension
from one_city import COLUMNS, City

from shanhai.contracts.federation import open_federation
from shanhai.contracts.feeds import feed_parts
from shanhai.contracts.render_dbt import render
from shanhai.contracts.shapes import SHAPES
from shanhai.errors import ContractError
from shanhai.ingest.decide import decide
from shanhai.warehouse.sources import create_views, pin

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "keep-every-version.md"
HISTORY: dict[str, Any] = {"versions": {"rule": "history", "by": "at"}, "duplicates": "table"}
EVENT = {
    "shape": "event",
    "columns": {
        "event_id": {"column": "id"},
        "channel": {"value": "public"},
        "reported_at": {"column": "at"},
    },
}
FIRST = "编号,n,at\na,1,2024-01-01\na,2,2024-01-05\nb,1,2024-01-01\n"
# A version between the two, one again, and one that claims the place of another with a smaller value.
SECOND = "编号,n,at\na,3,2024-01-03\nb,1,2024-01-01\na,1,2024-01-05\n"
BOTH = [("a", 1, "01", "03"), ("a", 3, "03", "05"), ("a", 2, "05", None), ("b", 1, "01", None)]


@pytest.fixture
def history(city: City) -> City:
    city.declare(**HISTORY, feeds=EVENT)
    return city


def day(moment: datetime | None) -> str | None:
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%d") if moment else None


def staging(city: City, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    """What the generated staging model gives over the table as a build sees it."""
    (model,) = [
        text for path, text in render(open_federation(city.root)).items() if path.name.startswith("stg_")
    ]
    con, node = duckdb.connect(), city.node
    create_views(con, node.settings, node.federation, pin(node.settings, node.federation))
    query = model.replace("{{ source('acity', 'events') }}", "acity.events")
    return con.execute(f"SELECT {columns} FROM ({query}) WHERE {where} ORDER BY id, valid_from").fetchall()


def versions(city: City) -> list[tuple[Any, ...]]:
    found = staging(city, "id, n, valid_from, valid_to")
    return [(key, n, day(begin), day(end)) for key, n, begin, end in found]


def test_versions_find_their_place_in_any_order(make_city):
    for order in ((FIRST, SECOND), (SECOND, FIRST)):
        city = make_city(**HISTORY)
        for number, text in enumerate(order):
            city.put(f"p{number}.csv", text)
            city.walk()
        assert versions(city) == BOTH
        assert staging(city, "id, n", "is_current") == [("a", 2), ("b", 1)]
        counts = [row.counts for row in city.ledger().values()]
        assert sum(count.loaded for count in counts) == 4
        assert (sum(count.duplicates for count in counts), sum(count.superseded for count in counts)) == (
            1,
            1,
        )


def test_a_load_that_only_adds_versions_rewrites_nothing(history: City):
    history.put("p1.csv", FIRST)
    history.walk()
    lake = history.root / "home" / "lake" / "acity" / "events"
    before = set(lake.glob("*.parquet"))
    history.put("p2.csv", "编号,n,at\na,9,2024-01-04\nb,9,2024-02-01\n")
    history.walk()
    log = "".join(file.read_text() for file in (lake / "_delta_log").glob("*.json"))
    assert '"remove"' not in log
    assert len(set(lake.glob("*.parquet")) - before) == 1


def test_a_withdrawal_gives_the_version_before_its_time_back(history: City):
    history.put("p1.csv", FIRST)
    history.put("p2.csv", SECOND)
    history.walk()
    decide(history.node, history.delivery("p2"), "withdraw", by="Li", reason="test")
    assert versions(history) == [("a", 1, "01", "05"), ("a", 2, "05", None), ("b", 1, "01", None)]


def test_shapes_are_fed_by_versions_in_force(history: City):
    (contract,) = history.node.federation.contracts.values()
    (part,) = feed_parts(contract, SHAPES["event"])
    assert part.where == "is_current"


def test_an_auditor_gets_the_same_with_plain_sql(history: City, monkeypatch: pytest.MonkeyPatch):
    for number, text in enumerate((FIRST, SECOND)):
        history.put(f"p{number}.csv", text)
        history.walk()
    history.ledger()
    con = duckdb.connect()
    import_extension("delta", con=con)
    con.execute("LOAD delta")
    monkeypatch.chdir(history.root / "home")
    names = {"longyou": "acity", "event_id": "id", "updated_at": '"at"', "status": "n"}
    page = GUIDE.read_text(encoding="utf-8")
    for theirs, ours in names.items():
        page = page.replace(theirs, ours)
    found = {}
    for name, sql in re.findall(r"```sql\n-- (\w+)\n(.*?)```", page, re.DOTALL):
        found[name] = con.execute(sql.replace("2024-03-02 12:00", "2024-01-04 12:00")).fetchall()
    told = con.execute("SELECT id, n, valid_from, valid_to FROM versions ORDER BY id, valid_from").fetchall()
    assert [(key, n, day(begin), day(end)) for key, n, begin, end in told] == BOTH
    assert [row[:2] for row in found["held"]] == [("a", 3), ("b", 1)]
    assert found["twice"] == []
    assert found["known"] == [(None,)], "the ledger is dated by the node's clock, in March"


@pytest.mark.parametrize(
    ("columns", "by", "message"),
    [
        (COLUMNS, None, "unknown column"),
        (COLUMNS[1:], "at", "needs a primary key"),
        ([*COLUMNS[:2], {**COLUMNS[2], "required": False}], "at", "must be required"),
        ([*COLUMNS[:2], {**COLUMNS[2], "primaryKey": True}], "at", "names the thing"),
        ([*COLUMNS[:2], {**COLUMNS[2], "logicalType": "string"}], "at", "in force from a moment"),
        ([*COLUMNS, {"name": "valid_to", "logicalType": "date"}], "at", "says this itself"),
    ],
)
def test_a_history_that_cannot_be_kept_is_refused(city: City, columns: Any, by: str | None, message: str):
    with pytest.raises(ContractError, match=message):
        city.declare(columns=columns, versions={"rule": "history", "by": by})
