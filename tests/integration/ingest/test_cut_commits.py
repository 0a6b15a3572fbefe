"""A commit that lost its last lines opens as a table: what it told must not be taken for undone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from one_city import HEADER, City

from shanhai.errors import DamagedError
from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.ledger import ledger, ledger_as_it_is
from shanhai.ingest.quarantine import groups
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.log import METADATA_KEY

EVENTS = DatasetId("acity", "events")
LINES = 4
"""Of a commit of one delivery: what is told, a file, and two transactions."""


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A dataset with one delivery; the books follow."""
    city = City(tmp_path_factory.mktemp("walked") / "city")
    city.root.mkdir()
    city.declare()
    city.put("p1.csv", f"{HEADER}a,1,2024-01-01\nb,2,2024-01-01\nc,x,2024-01-01\n")
    walk.walk(city.node, EVENTS)
    ledger(city.node)
    return city


@pytest.mark.parametrize("left", range(LINES), ids="{} lines".format)
def test_a_commit_that_lost_its_last_lines_is_damaged_and_nothing_is_loaded_once_more(
    walked: City, tmp_path: Path, left: int
) -> None:
    city = walked.copied(tmp_path / "city")
    booked = ledger_as_it_is(city.node)
    (file,) = (city.node.table(EVENTS) / "_delta_log").glob("*1.json")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == LINES
    file.write_bytes(b"".join(lines[:left]))
    before = sorted(city.node.table(EVENTS).rglob("*"))
    with pytest.raises(DamagedError) as told:
        walk.walk(city.node, EVENTS)
    assert str(file) in str(told.value.given)
    assert sorted(city.node.table(EVENTS).rglob("*")) == before
    file.write_bytes(whole)
    walk.walk(city.node, EVENTS)
    assert ledger(city.node) == booked


@pytest.mark.parametrize("name", ["ledger", "quarantine"])
@pytest.mark.parametrize("left", range(LINES), ids="{} lines".format)
def test_a_commit_of_the_books_that_lost_its_last_lines_counts_nothing_twice(
    walked: City, tmp_path: Path, name: str, left: int
) -> None:
    city = walked.copied(tmp_path / "city")
    booked, kept = ledger(city.node), [one.rows for one in groups(city.node)]
    books = city.node.books(name)
    file = _commit(books, LakeTable.open(books).version)
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == LINES
    file.write_bytes(b"".join(lines[:left]))
    before = sorted(city.node.home.rglob("*.parquet"))
    with pytest.raises(DamagedError, match="remove the folder") as told:
        ledger(city.node)
    assert str(file) in str(told.value.given)
    assert sorted(city.node.home.rglob("*.parquet")) == before
    _remove(books)
    assert (ledger(city.node), [one.rows for one in groups(city.node)]) == (booked, kept)


@pytest.mark.parametrize("lost", range(LINES), ids="line {}".format)
@pytest.mark.parametrize("table", ["events", "ledger", "quarantine"])
def test_a_commit_that_lost_any_of_its_lines_is_damaged(
    walked: City, tmp_path: Path, table: str, lost: int
) -> None:
    """Older commits have the transaction of their delivery last."""
    city = walked.copied(tmp_path / "city")
    path = city.node.table(EVENTS) if table == "events" else city.node.books(table)
    opened = LakeTable.open(path)
    assert opened.commits()
    file = _commit(path, opened.version)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(line for place, line in enumerate(lines) if place != lost))
    with pytest.raises(DamagedError, match="a commit with all of its actions"):
        LakeTable.open(path).commits()


def test_a_commit_whose_last_transaction_is_named_by_its_facts_is_damaged_without_it(tmp_path: Path) -> None:
    """As marts and publications are written."""
    rows, told = pa.table({"n": [1]}), '{"transaction": "mart:1"}'
    written = CommitProperties({METADATA_KEY: told}, app_transactions=[Transaction("mart:1", 1)])
    write_deltalake(tmp_path, rows)
    write_deltalake(tmp_path, rows, mode="append", commit_properties=written)
    assert [dict(one.transactions) for one in LakeTable.open(tmp_path).commits()] == [{"mart:1": 1}]
    file = _commit(tmp_path, 1)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(DamagedError):
        LakeTable.open(tmp_path).commits()


def test_a_vacuum_of_somebody_else_leaves_a_log_that_is_whole(walked: City, tmp_path: Path) -> None:
    city = walked.copied(tmp_path / "city")
    path = city.node.table(EVENTS)
    (path / "left-behind.parquet").write_bytes(b"PAR1")
    before = ledger(city.node)
    vacuumed = DeltaTable(path).vacuum(
        retention_hours=0, dry_run=False, full=True, enforce_retention_duration=False
    )
    assert vacuumed == ["left-behind.parquet"]
    assert LakeTable.open(path).version > 1
    assert ledger(city.node) == before
    LakeTable.open(path).commit(Change(), at=datetime(2024, 3, 1, tzinfo=UTC))
    assert ledger(city.node) == before


def _commit(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020}.json"


def _remove(folder: Path) -> None:
    for file in folder.rglob("*.*"):
        file.unlink()
