"""What no build has seen: told by the last that ended well, and by the last that failed."""

from __future__ import annotations

from pathlib import Path

from one_city import COLUMNS, DATASET, HEADER, City

from shanhai.ingest.decisions import carry_out
from shanhai.ingest.unseen import has_other_rows, is_ahead, unseen
from shanhai.warehouse.failed_build import keep_failed
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.last_build import BuildResult, keep_build
from shanhai.warehouse.sources import pin


def test_a_build_that_ended_has_seen_its_versions_well_or_not(city: City) -> None:
    node = city.node
    (node.home / "scratch").mkdir(parents=True, exist_ok=True)
    assert unseen(node) == []
    for number, ended in enumerate(("well", "badly", "well")):
        city.put("p1.csv", f"{HEADER}a,{number},2024-01-0{number + 1}\n")
        city.walk()
        assert (unseen(node), is_ahead(node, DATASET)) == ([DATASET], True)
        pins = pin(node.settings, node.federation)
        if ended == "well":
            keep_build(node.settings, BuildResult("it", pins, (), Path("build.duckdb"), 0.0))
        else:
            keep_failed(node.settings, pins)
        assert (unseen(node), is_ahead(node, DATASET)) == ([], False)


def test_a_note_is_nothing_to_follow(city: City) -> None:
    city.declare(tolerance={"hold": 0.9, "refuse": 0.95})
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,-1,2024-01-01\nc,-2,2024-01-01\n")
    city.walk()
    delivery, who = city.delivery("p1"), {"by": "Li", "reason": "x"}
    _built(city)
    carry_out(city.node, delivery, "discard", **who)
    city.declare(tolerance={"hold": 0.8, "refuse": 0.95})
    noted = carry_out(city.node, delivery, "replay", **who)
    assert noted is not None
    assert noted.is_alike
    assert (unseen(city.node), is_ahead(city.node, DATASET)) == ([], False)
    city.put("p2.csv", f"{HEADER}d,-1,2024-01-01\n")
    city.walk()
    assert city.ledger()["p2"].verdict == "refused"
    assert (unseen(city.node), is_ahead(city.node, DATASET)) == ([DATASET], True), "it counts in the ledger"
    _built(city)
    carry_out(city.node, delivery, "withdraw", **who)
    assert (unseen(city.node), is_ahead(city.node, DATASET)) == ([DATASET], True)


def test_a_delivery_that_is_held_brings_no_rows_and_its_approval_does(city: City) -> None:
    city.declare(tolerance={"hold": 0.2, "refuse": 0.95})
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\n")
    city.walk()
    first = _version(city)
    assert has_other_rows(city.node, DATASET, after=-1)
    city.put("p2.csv", f"{HEADER}b,2,2024-01-02\nc,-2,2024-01-02\n")
    city.walk()
    assert city.ledger()["p2"].verdict == "held"
    assert _version(city) > first
    assert not has_other_rows(city.node, DATASET, after=first)
    carry_out(city.node, city.delivery("p2"), "approve", by="Li", reason="x")
    loaded = _version(city)
    assert has_other_rows(city.node, DATASET, after=first)
    carry_out(city.node, city.delivery("p2"), "withdraw", by="Li", reason="x")
    assert has_other_rows(city.node, DATASET, after=loaded)


def test_a_table_of_refused_deliveries_alone_brought_no_rows(city: City) -> None:
    city.put("p1.csv", f"{HEADER}b,-2,2024-01-02\n")
    city.walk()
    assert city.ledger()["p1"].verdict == "refused"
    assert (unseen(city.node), has_other_rows(city.node, DATASET, after=-1)) == ([DATASET], False)


def test_as_many_rows_that_are_others_are_followed(city: City) -> None:
    columns = [dict(column) for column in COLUMNS]
    columns[1] = {**columns[1], "logicalTypeOptions": {"minimum": -1, "maximum": 4}}
    city.declare(tolerance={"hold": 0.9, "refuse": 0.95})
    city.put("p1.csv", f"{HEADER}a,5,2024-01-01\nb,-1,2024-01-01\n")
    city.walk()
    _built(city)
    before = city.rows()
    city.declare(columns, tolerance={"hold": 0.9, "refuse": 0.95})
    line = carry_out(city.node, city.delivery("p1"), "replay", by="Li", reason="x")
    assert line is not None
    assert line.is_alike
    assert (before, city.rows()) == ([("a", 5)], [("b", -1)])
    assert (unseen(city.node), is_ahead(city.node, DATASET)) == ([DATASET], True)


def _version(city: City) -> int:
    return LakeTable.open(city.node.table(DATASET)).version


def _built(city: City) -> None:
    node = city.node
    (node.home / "scratch").mkdir(parents=True, exist_ok=True)
    pins = pin(node.settings, node.federation)
    keep_build(node.settings, BuildResult("it", pins, (), Path("build.duckdb"), 0.0))
