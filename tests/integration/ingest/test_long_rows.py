"""Records as long as a contract allows are taken few at once, wherever they stand, and short ones many."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from one_city import COLUMNS
from plain_contract import plain_contract

from shanhai.contracts.model import Column
from shanhai.errors import MemoryLimitError
from shanhai.ingest.decode import BodyFile, read_in_place
from shanhai.ingest.decode.survey import survey
from shanhai.ingest.reconcile import reconcile_as_far
from shanhai.warehouse.batches import BYTES, ROWS, at_once_of, batches
from shanhai.warehouse.row_groups import RowGroups

SHORT, LONG = 1_000, 1_000_000
NOTED = [*COLUMNS, {"name": "note", "logicalType": "string"}]


def test_batches_of_long_records_are_bounded_by_their_bytes(tmp_path):
    """All in one batch would be thrice as much here, and beyond 2 GiB more than a text column may have."""
    short = [f"{number},{'s' * 20}" for number in range(SHORT)]
    long = [f"{number},{'l' * LONG}" for number in range(SHORT, SHORT + 100)]
    body = tmp_path / "a.csv"
    body.write_text("\n".join(["n,note", *short, *long, *short]) + "\n", encoding="utf-8")
    columns = (Column(name=name, source=name, type="string") for name in ("n", "note"))
    contract = plain_contract("acity.events", *columns)
    with duckdb.connect(config={"threads": 2, "memory_limit": "300MB"}) as con:
        found = read_in_place(con, contract, [BodyFile("a", body)], tmp_path)
        taken = list(batches(con, "SELECT n, note FROM raw", at_once=found.at_once))
    assert max(batch.nbytes for batch in taken) < 2 * BYTES
    assert pa.Table.from_batches(taken).column("n").to_pylist() == [
        *map(str, range(SHORT)),
        *map(str, range(SHORT, SHORT + 100)),
        *map(str, range(SHORT)),
    ]


def test_short_rows_beside_long_ones_come_in_large_batches():
    """As few at once as the long ones they took more than ten times as long."""
    long = f"SELECT n, repeat('l', {LONG}) AS note FROM range(100) AS long(n)"
    short = f"SELECT n + 100 AS n, 's' AS note FROM range({ROWS}) AS short(n)"
    with duckdb.connect(config={"threads": 2}) as con:
        taken = list(batches(con, f"{long} UNION ALL {short}", at_once=BYTES // LONG))
    assert max(batch.nbytes for batch in taken) < 2 * BYTES
    assert len(taken) <= 100 // (BYTES // LONG) + 3
    assert pa.Table.from_batches(taken).column("n").to_pylist() == list(range(ROWS + 100))


@pytest.mark.parametrize(
    ("lines", "least", "most"),
    [
        (["s" * 20] * 3, ROWS, None),
        (["s" * 99] * 3 * SHORT + ["l" * LONG] + ["s" * 99] * 500 * SHORT, ROWS, None),
        (["l" * LONG] * 20, 1, 34),
        (["s" * 20] * SHORT + ["l" * LONG] * 80 + ["s" * 20] * SHORT, 1, 34),
        (["l" * 2 * BYTES], 1, 1),
    ],
    ids=["few", "one among many", "all", "a stretch", "longer than a batch"],
)
def test_as_many_lines_at_once_as_the_longest_stretch_allows(tmp_path, lines, least, most):
    """One long line in a long file does not make its batches small."""
    file = tmp_path / "text"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = survey(file, 0)
    assert found.lines == len(lines)
    assert found.at_once >= least
    assert most is None or found.at_once <= most


def test_rows_of_a_file_are_taken_as_its_row_groups_have_them(tmp_path):
    batch = pa.record_batch({"n": pa.array(range(50))})
    with RowGroups(tmp_path / "long.parquet", most_bytes=batch.nbytes * 2) as long:
        for _ in range(5):
            long.write(batch)
    with RowGroups(tmp_path / "short.parquet") as short:
        short.write(batch)
    assert pq.read_metadata(long.path).num_row_groups == 3
    assert (at_once_of(long.path), at_once_of(short.path)) == (100, ROWS)


def test_more_than_a_session_may_hold_is_a_setting_that_a_person_must_change(city, monkeypatch):
    """Tried again it would end alike; with more memory nothing of it is lost."""
    source = {"connector": "files", "endpoint": "data", "options": {"path": "*.ndjson"}}
    city.declare(columns=NOTED, format={"kind": "ndjson"}, source=source)
    records = (
        {"编号": f"k{number}", "n": number, "at": "2024-01-01", "note": "x" * LONG} for number in range(40)
    )
    city.put("a.ndjson", "\n".join(map(json.dumps, records)) + "\n")
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "40MB")
    with pytest.raises(MemoryLimitError, match=r"given: 40MB; hint: set SHANHAI_MEMORY_LIMIT higher") as met:
        city.walk()
    assert met.value.exit_code == 78
    assert city.rows() == []
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "1GB")
    city.walk()
    assert city.rows("count(*), sum(length(note))") == [(40, 40 * LONG)]


def test_refused_rows_that_are_too_much_to_be_made_again_are_not_told_as_lost(city, monkeypatch):
    """A copy of the home would not help, more memory does."""
    source = {"connector": "files", "endpoint": "data", "options": {"path": "*.ndjson"}}
    city.declare(
        columns=NOTED, format={"kind": "ndjson"}, source=source, tolerance={"hold": 0.9, "refuse": 1}
    )
    numbers = range(40)
    records = ({"编号": f"k{n}", "n": -(n % 2), "at": "2024-01-01", "note": "x" * LONG} for n in numbers)
    city.put("a.ndjson", "\n".join(map(json.dumps, records)) + "\n")
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "1GB")
    city.walk()
    for file in city.node.quarantine.iterdir():
        file.unlink()
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "40MB")
    (behind,) = reconcile_as_far(city.node)
    assert (behind.table, type(behind.error)) == ("quarantine", MemoryLimitError)
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "1GB")
    assert reconcile_as_far(city.node) == ()
    assert len(city.quarantined()) == 20


@pytest.mark.long
def test_long_good_records_of_which_some_repeat_are_loaded(city, monkeypatch):
    """As long as a contract allows unless it says otherwise, and within what a session may use by default."""
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "1GB")
    city.declare(columns=NOTED)
    lines = (f"k{number},{number},2024-01-01,{number:08d}{'x' * LONG}\n" for number in range(600))
    again = f"k7,7,2024-01-01,{7:08d}{'x' * LONG}\n"
    city.put("a.csv", "编号,n,at,note\n" + "".join(lines) + again)
    city.walk()
    counts = city.ledger()["a"].counts
    assert (counts.rows_in, counts.loaded, counts.duplicates) == (601, 600, 1)
    assert city.rows("count(*), sum(length(note))") == [(600, 600 * (LONG + 8))]
