"""The walk of one dataset: what becomes of each row, and that doing it again changes nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import duckdb
import pytest
from one_city import COLUMNS

from shanhai.contracts.federation import open_federation
from shanhai.errors import ConfigurationError, DataError, DeniedError, DiskFullError, NotFoundError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.decide import TRANSITIONS, decide
from shanhai.ingest.load import load, open_table
from shanhai.ingest.pending import pending
from shanhai.ingest.records import read_staging, read_validation
from shanhai.ingest.sidecar import find_delivery, sidecars
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.warehouse.lake import LakeTable

DATASET = DatasetId("acity", "events")
FIRST = (
    "编号,n,at\n"
    "a,1,2024-01-01 00:00:00\n"
    "b,x,2024-01-01 00:00:00\n"
    "a,2,2024-01-02 00:00:00\n"
    "c,3,2024-01-01 00:00:00\n"
    "c,3,2024-01-01 00:00:00\n"
    "d,-1,2024-01-01 00:00:00\n"
)
SECOND = "编号,n,at\na,0,2023-01-01 00:00:00\nc,4,2024-02-01 00:00:00\nz,3,2024-01-01 00:00:00\n"


def counts(row: Any) -> tuple[int, ...]:
    c = row.counts
    return (c.rows_in, c.loaded, c.quarantined, c.duplicates, c.superseded, c.withheld)


def test_every_row_has_one_fate(city):
    city.put("p1.csv", FIRST)
    result = city.walk()
    assert result["loaded"] == 2
    row = city.ledger()["p1"]
    assert counts(row) == (6, 2, 2, 1, 1, 0)
    assert row.verdict == "accepted"
    assert row.delivery.snapshot == hashlib.sha256(FIRST.encode()).hexdigest()
    assert city.rows() == [("a", 2), ("c", 3)]
    assert city.quarantined() == [(2, ["n.type"]), (6, ["n.range"])]


def test_walking_again_loads_nothing_and_commits_nothing(city):
    city.put("p1.csv", FIRST)
    city.walk()
    version, before = open_table(city.node, DATASET).version, city.ledger()
    again = city.walk()
    assert again == {"new": [], "loaded": 0, "accepted": [], "held": [], "refused": []}
    assert open_table(city.node, DATASET).version == version
    assert city.ledger() == before


def test_a_newer_version_displaces_a_row_of_an_earlier_delivery(city):
    city.put("p1.csv", FIRST)
    city.walk()
    city.put("p2.csv", SECOND)
    city.walk()
    assert counts(city.ledger()["p1"]) == (6, 1, 2, 1, 2, 0)
    assert counts(city.ledger()["p2"]) == (3, 2, 0, 0, 1, 0)
    assert city.rows() == [("a", 2), ("c", 4), ("z", 3)]


def test_deliveries_in_another_order_give_the_same_table(make_city):
    tables = []
    for order in (("p1.csv", "p2.csv"), ("p2.csv", "p1.csv")):
        city = make_city()
        for name in order:
            city.put(name, FIRST if name == "p1.csv" else SECOND)
            city.walk()
        tables.append(city.rows('id, n, "at"'))
    assert tables[0] == tables[1]


def test_replace_swaps_the_whole_partition(make_city):
    city = make_city(versions={"rule": "replace"}, duplicates="delivery")
    city.put("p1.a.csv", "编号,n,at\na,1,2024-01-01\nb,2,2024-01-01\n")
    city.put("p2.csv", "编号,n,at\na,9,2024-01-01\n")
    city.walk()
    city.put("p1.b.csv", "编号,n,at\na,5,2024-01-01\n")
    city.walk()
    assert city.rows() == [("a", 5), ("a", 9)]
    assert sum(row.counts.superseded for row in walk_ledger(city)) == 2


def walk_ledger(city):
    from shanhai.ingest.ledger import ledger

    return ledger(city.node)


def test_append_with_the_scope_of_the_table_drops_copies_of_earlier_rows(make_city):
    city = make_city(versions={"rule": "append"}, duplicates="table")
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,2,2024-01-01\n")
    city.walk()
    city.put("p2.csv", "编号,n,at\na,1,2024-01-01\na,7,2024-01-01\n")
    city.walk()
    assert city.rows() == [("a", 1), ("a", 7), ("b", 2)]
    assert counts(city.ledger()["p2"]) == (2, 1, 0, 1, 0, 0)


def test_a_log_without_keys_keeps_every_copy(make_city):
    city = make_city(versions={"rule": "append"}, duplicates="none")
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\na,1,2024-01-01\n")
    city.walk()
    assert city.rows() == [("a", 1), ("a", 1)]


def test_a_held_delivery_keeps_its_rows_out_until_a_person_approves(city):
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,x,2024-01-01\nc,y,2024-01-01\n")
    assert city.walk()["held"]
    assert counts(city.ledger()["p1"]) == (3, 0, 2, 0, 0, 1)
    assert city.rows() == []
    decide(city.node, city.delivery("p1"), "approve", by="Li", reason="the source confirmed it")
    row = city.ledger()["p1"]
    assert counts(row) == (3, 1, 2, 0, 0, 0)
    assert (row.verdict, row.decided_by, row.reason) == ("accepted", "Li", "the source confirmed it")
    assert city.rows() == [("a", 1)]


def test_a_refused_delivery_loads_nothing_and_stops_no_other(city):
    city.put(
        "p1.csv", "编号,n,at\n" + "".join(f"k{i},bad,2024-01-01\n" for i in range(9)) + "a,1,2024-01-01\n"
    )
    city.put("p2.csv", "编号,n,at\nz,1,2024-01-01\n")
    result = city.walk()
    assert [len(result[verdict]) for verdict in ("accepted", "held", "refused")] == [1, 0, 1]
    assert counts(city.ledger()["p1"]) == (10, 0, 9, 0, 0, 1)
    assert city.rows() == [("z", 1)]


def test_withdrawing_brings_back_what_had_lost(city):
    city.put("p1.csv", FIRST)
    city.walk()
    before = city.rows('id, n, "at"')
    city.put("p2.csv", SECOND)
    city.walk()
    decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="sent by mistake")
    assert city.rows('id, n, "at"') == before
    assert counts(city.ledger()["p1"]) == (6, 2, 2, 1, 1, 0)
    assert counts(city.ledger()["p2"]) == (3, 0, 0, 0, 0, 3)
    assert city.ledger()["p2"].verdict == "withdrawn"
    decide(city.node, city.delivery("p2"), "approve", by="Li", reason="it was right")
    assert city.rows() == [("a", 2), ("c", 4), ("z", 3)]


def test_a_decision_needs_a_name_a_reason_and_a_state_that_allows_it(city):
    city.put("p1.csv", FIRST)
    city.walk()
    delivery = city.delivery("p1")
    with pytest.raises(ConfigurationError, match="a name and a reason"):
        decide(city.node, delivery, "withdraw", by=" ", reason="x")
    with pytest.raises(DeniedError, match="withdraw"):
        decide(city.node, delivery, "approve", by="Li", reason="x")
    assert city.ledger()["p1"].verdict == "accepted"


def test_every_decision_can_be_undone():
    reached = set(TRANSITIONS.values())
    assert all(any(before == state for before, _ in TRANSITIONS) for state in reached)


def test_loading_before_the_check_is_refused(city):
    city.put("p1.csv", FIRST)
    (delivery,) = pull(city.node, DATASET)
    with pytest.raises(ConfigurationError, match="not checked"):
        load(city.node, delivery)
    assert pending(city.node, DATASET) == [delivery]


def test_a_changed_contract_is_staged_again(city):
    city.put("p1.csv", FIRST)
    (delivery,) = pull(city.node, DATASET)
    assert stage(city.node, delivery).good == 2
    city.declare(columns=None, version="1.1.0", duplicates="none", versions={"rule": "append"})
    again = stage(city.node, delivery)
    assert (again.contract_version, again.good) == ("1.1.0", 4)
    assert read_staging(city.node, delivery) == again


def test_the_same_bytes_are_one_delivery_and_one_object(city):
    city.put("p1.csv", FIRST)
    assert len(pull(city.node, DATASET)) == 1
    assert pull(city.node, DATASET) == []
    assert len(sidecars(city.node, DATASET)) == 1
    assert len(list(city.node.snapshots.list("sha256"))) == 1


def test_a_file_whose_name_tells_no_partition_is_told_and_the_others_are_kept(city):
    city.declare(delivery={"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>p\d)\."}})
    city.put("p1.csv", FIRST)
    city.put("readme.csv", "x\n")
    with pytest.raises(DataError, match=r"readme\.csv"):
        pull(city.node, DATASET)
    assert [sidecar.id.partition for sidecar in sidecars(city.node, DATASET)] == ["p1"]


def test_a_full_disk_is_seen_beforehand(city):
    city.put("p1.csv", FIRST)
    (delivery,) = pull(city.node, DATASET)
    node = city.node
    tight = type(node)(
        node.settings.model_copy(update={"free_disk_bytes": 1 << 60}),
        node.federation,
        node.snapshots,
        node.clock,
    )
    with pytest.raises(DiskFullError, match="is full"):
        stage(tight, delivery)
    assert not (city.staging(delivery) / "good.parquet").exists()
    assert stage(node, delivery).good == 2


def test_a_delivery_is_found_by_the_beginning_of_its_id(city):
    city.put("p1.csv", FIRST)
    (delivery,) = pull(city.node, DATASET)
    assert find_delivery(city.node, delivery.short) == delivery
    with pytest.raises(NotFoundError, match="no such delivery"):
        find_delivery(city.node, "acity.events/p9")


def test_one_wrong_contract_does_not_stop_the_others(city):
    broken = city.root / "districts" / "acity" / "other.odcs.yml"
    broken.write_text("apiVersion: v3.1.0\nkind: DataContract\n")
    city.put("p1.csv", FIRST)
    assert city.walk()["loaded"] == 2
    with pytest.raises(ConfigurationError, match=r"other\.odcs\.yml"):
        _ = open_federation(city.root).contracts
    broken.unlink()


def test_the_steps_stand_in_one_order(city):
    city.put("p1.csv", FIRST)
    walk.pull_step(city.node, DATASET, None)
    assert walk.check_step(city.node, DATASET) == {"checked": []}
    assert len(walk.stage_step(city.node, DATASET)["staged"]) == 1
    assert len(walk.check_step(city.node, DATASET)["checked"]) == 1
    assert walk.load_step(city.node, DATASET)["loaded"] == 2


def test_approving_under_a_changed_contract_passes_the_gate_and_replaces_the_quarantine(city):
    city.put("p1.csv", "编号,n,at\na,1,2024-01-01\nb,x,2024-01-01\nc,-1,2024-01-01\n")
    assert city.walk()["held"]
    assert [position for position, _ in city.quarantined()] == [2, 3]
    columns = [dict(column) for column in COLUMNS]
    columns[1].pop("logicalTypeOptions")
    city.declare(columns=columns, version="1.1.0")
    decide(city.node, city.delivery("p1"), "approve", by="Li", reason="negative counts are right")
    row = city.ledger()["p1"]
    assert (counts(row), row.contract_version) == ((3, 2, 1, 0, 0, 0), "1.1.0")
    assert city.quarantined() == [(2, ["n.type"])]
    validation = read_validation(city.node, row.delivery)
    assert validation is not None
    assert {check.rule for check in validation.checks} == {
        "id.required",
        "n.required",
        "n.type",
        "at.required",
        "at.type",
    }


def test_withdrawing_after_a_contract_change_leaves_the_others_as_they_were(city):
    city.put("p1.csv", FIRST)
    city.put("p2.csv", SECOND)
    city.walk()
    columns = [*COLUMNS, {"name": "note", "logicalType": "string"}]
    city.declare(columns=columns, version="1.1.0", tolerance={"hold": 0.9, "refuse": 0.9})
    decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="sent by mistake")
    assert counts(city.ledger()["p1"]) == (6, 2, 2, 1, 1, 0)
    assert city.rows() == [("a", 2), ("c", 3)]


def test_withdrawing_keeps_an_emptied_partition_empty(make_city):
    city = make_city(
        versions={"rule": "replace"}, duplicates="delivery", tolerance={"hold": 1.0, "refuse": 1.0}
    )
    city.put("p1.a.csv", "编号,n,at\na,1,2024-01-01\n")
    city.put("p2.csv", "编号,n,at\nz,9,2024-01-01\n")
    city.walk()
    city.put("p1.b.csv", "编号,n,at\na,x,2024-01-01\n")
    city.walk()
    assert city.rows() == [("z", 9)]
    decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="sent by mistake")
    assert city.rows() == []


def test_the_ledger_is_dated_by_the_clock_of_the_node(city):
    city.put("p1.csv", FIRST)
    city.walk()
    city.ledger()
    relation = LakeTable.open(city.node.books("ledger")).relation()
    (at,) = duckdb.connect().execute(f'SELECT max("at") FROM {relation}').fetchone()
    assert at.year == 2024


def test_the_log_tells_no_values_but_bounds_of_keys(city):
    city.put("p1.csv", FIRST)
    city.walk()
    log = "".join(file.read_text() for file in (city.node.table(DATASET) / "_delta_log").glob("*.json"))
    told = [json.loads(line)["add"]["stats"] for line in log.splitlines() if '"add"' in line]
    # The key, which may be told since it tells of nobody, and where rows came from.
    assert [set(json.loads(stats)["minValues"]) for stats in told] == [{"id", "_delivery", "_partition"}]


def test_a_column_does_not_change_its_type_under_the_rows_that_are_there(city):
    city.put("p1.csv", FIRST)
    city.walk()
    columns = [dict(column) for column in COLUMNS]
    columns[1] = {"name": "n", "logicalType": "string"}
    city.declare(columns=columns, version="2.0.0")
    city.put("p2.csv", "编号,n,at\nq,many,2024-01-01\n")
    with pytest.raises(ConfigurationError, match="type of column n of"):
        city.walk()
    city.declare()
    assert city.rows() == [("a", 2), ("c", 3)]


def test_a_column_may_be_called_like_one_of_the_settlement(make_city):
    columns = [*COLUMNS, {"name": "why", "logicalType": "string"}]
    city = make_city()
    city.declare(columns=columns)
    city.put("p1.csv", "编号,n,at,why\na,1,2024-01-01,x\n")
    city.put("p2.csv", "编号,n,at,why\na,2,2024-01-02,y\n")
    city.walk()
    decide(city.node, city.delivery("p2"), "withdraw", by="Li", reason="sent by mistake")
    assert city.rows("id, n, why") == [("a", 1, "x")]
