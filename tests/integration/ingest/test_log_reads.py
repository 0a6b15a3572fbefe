"""A step reads the log of its table once, and sees what others commit, or put in its place, meanwhile."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable
from one_city import DATASET, City
from opened import opened_in

from shanhai.errors import BusyError, DamagedError
from shanhai.ingest import walk
from shanhai.ingest.books import table_net
from shanhai.ingest.decide import decide
from shanhai.ingest.load import load, open_table
from shanhai.ingest.pending import pending
from shanhai.ingest.replay import replay
from shanhai.ingest.sidecar import at_hand
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.log import Log

_AT = datetime(2024, 3, 1, tzinfo=UTC)


def put(city: City, *numbers: int) -> None:
    for number in numbers:
        city.put(f"p{number:03}.csv", f"编号,n,at\nk{number},1,2024-03-01T00:00:00Z\n")


def log_of(city: City) -> Path:
    return city.node.table(DATASET) / "_delta_log"


def opened_by_the_steps(city: City) -> dict[str, int]:
    found = {}
    for step in (walk.stage_step, walk.check_step, walk.load_step):
        with opened_in(log_of(city)) as opened:
            step(city.node, DATASET)
        found[step.__name__] = len(opened.names)
    return found


def test_what_is_read_of_the_log_grows_as_the_deliveries_do(make_city: Callable[..., City]) -> None:
    city = make_city()
    found, known = {}, 0
    for loaded in (3, 9):
        put(city, *range(known, loaded))
        city.walk()
        known = 2 * loaded
        put(city, *range(loaded, known))
        walk.pull_step(city.node, DATASET, None)
        found[loaded] = opened_by_the_steps(city)
    assert len(city.rows("id")) == known
    for step, few in found[3].items():
        assert few, step
        # Three times as many are loaded, and pending; the square would be nine times as much.
        assert found[9][step] < 5 * few, (step, found)


def test_what_another_process_commits_is_seen_within_the_step(city: City) -> None:
    put(city, 1, 2)
    walk.pull_step(city.node, DATASET, None)
    walk.stage_step(city.node, DATASET)
    walk.check_step(city.node, DATASET)
    node = at_hand(city.node, DATASET)
    first, second = pending(node, DATASET)
    behind = open_table(node, DATASET)
    load(city.node, first)
    with pytest.raises(BusyError):
        behind.commit(Change(facts={"entries": []}), at=_AT)
    assert load(node, first) == next(iter(table_lines(city, str(first))))
    load(node, second)
    assert pending(node, DATASET) == []
    assert (behind.version, table_net(behind), behind.files()) == (0, {}, {})
    assert sorted(table_net(open_table(node, DATASET))) == sorted([str(first), str(second)])
    assert city.rows("id") == [("k1",), ("k2",)]


def table_lines(city: City, delivery: str) -> list[object]:
    from shanhai.ingest.books import entries

    return [line for _, line in entries(open_table(city.node, DATASET)) if line.delivery == delivery]


@pytest.mark.parametrize("put_back", ["an earlier state", "another table"])
def test_a_log_that_is_another_one_is_read_from_its_beginning(
    city: City, tmp_path: Path, put_back: str
) -> None:
    put(city, 1)
    city.walk()
    if put_back == "an earlier state":
        shutil.copytree(city.node.table(DATASET), tmp_path / "kept")
    else:
        other = City(tmp_path / "other")
        other.declare()
        put(other, 7)
        other.walk()
        shutil.copytree(other.node.table(DATASET), tmp_path / "kept")
    put(city, 2)
    city.walk()
    node = at_hand(city.node, DATASET)
    assert len(table_net(open_table(node, DATASET))) == 2
    shutil.rmtree(city.node.table(DATASET))
    shutil.copytree(tmp_path / "kept", city.node.table(DATASET))
    table, plain = open_table(node, DATASET), open_table(city.node, DATASET)
    assert len(table_net(table)) == 1
    assert (table.version, table_net(table)) == (plain.version, table_net(plain))
    assert (table.files(), table.transactions()) == (plain.files(), plain.transactions())


def test_a_column_that_another_process_adds_is_seen(city: City) -> None:
    import pyarrow as pa

    put(city, 1)
    city.walk()
    place, log = city.node.table(DATASET), Log(city.node.table(DATASET))
    before = LakeTable.open(place, log)
    LakeTable.create(place, pa.schema([pa.field("later", pa.string())]), name=str(DATASET))
    assert '"later"' in LakeTable.open(place, log).empty_relation()
    assert '"later"' not in before.empty_relation()


def test_handles_of_one_log_know_the_transactions_that_delta_rs_knows(city: City) -> None:
    put(city, *range(4))
    city.walk()
    table = open_table(replace(city.node), DATASET)
    assert len(table.transactions()) == 5
    for name, number in table.transactions().items():
        assert table.transaction(name) == number, name


def test_a_commit_that_is_missing_is_no_empty_one(city: City) -> None:
    """Delta's own readers open such a table by its checkpoint, and the delivery looks as if it never came."""
    put(city, 1)
    city.walk()
    newest = DeltaTable(city.node.table(DATASET).as_posix())
    newest.create_checkpoint()
    commit = log_of(city) / f"{newest.version():020}.json"
    lost = commit.rename(city.node.home / "lost.json")
    assert DeltaTable(city.node.table(DATASET).as_posix()).version() == newest.version()
    with pytest.raises(DamagedError, match="a commit of the table is missing"):
        pending(city.node, DATASET)
    lost.rename(commit)
    assert pending(city.node, DATASET) == []


@pytest.mark.parametrize("decision", ["withdraw", "replay"])
def test_a_decision_reads_the_log_no_oftener_than_a_step(city: City, decision: str) -> None:
    put(city, *range(5))
    city.walk()
    delivery = city.delivery("p002")
    city.declare(tolerance={"hold": 0.4, "refuse": 0.7})
    with opened_in(log_of(city)) as opened:
        if decision == "withdraw":
            decide(city.node, delivery, "withdraw", by="Li", reason="wrong")
        else:
            replay(city.node, delivery)
    # By us once, as in a step; the other times by delta-rs, for its handles.
    assert 0 < Counter(opened.names)[f"{2:020}.json"] < 8
