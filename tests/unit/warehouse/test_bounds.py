"""The bounds of a file's columns: never narrower than its values, and right for readers that go by them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb_extensions import import_extension

from shanhai.warehouse.bounds import Bounds, Kind, are_apart, bounds_of, read_statistics, statistics
from shanhai.warehouse.lake import Change, LakeTable

_AT = datetime(2024, 3, 1, tzinfo=UTC)


def found(kind: Kind, *values: str) -> Bounds | None:
    """The bounds of values, given as SQL."""
    rows = ", ".join(f"({value})" for value in values)
    return bounds_of(duckdb.connect(), f"(SELECT v FROM (VALUES {rows}) t(v))", {"v": kind}).get("v")


def moment(text: str) -> str:
    return f"TIMESTAMPTZ '{text}+00'"


def test_ends_are_told_as_they_are() -> None:
    assert found("integer", "9", "'-9223372036854775808'::BIGINT", "NULL") == Bounds(-(2**63), 9, 1)
    assert found("string", "'é'", "'Z'", "''") == Bounds("", "é", 0)
    assert found("date", "DATE '0001-01-01'", "DATE '9999-12-31'") == Bounds("0001-01-01", "9999-12-31")


def test_instants_are_rounded_away_from_the_values() -> None:
    early, late = moment("1969-12-31 23:59:59.999001"), moment("2024-03-01 00:00:00.000001")
    assert found("timestamp", early, late) == Bounds("1969-12-31T23:59:59.999Z", "2024-03-01T00:00:00.001Z")
    assert found("timestamp", moment("0012-01-01 00:00:00")) == Bounds(*["0012-01-01T00:00:00.000Z"] * 2)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["NULL::VARCHAR", "NULL::VARCHAR"]),
        ("string", ["'a'", f"'{'b' * 257}'"]),
        ("date", ["DATE '2024-01-01'", "'infinity'::DATE"]),
        ("date", ["DATE '10000-01-01'"]),
        ("timestamp", ["'-infinity'::TIMESTAMPTZ", moment("2024-01-01 00:00:00")]),
        ("timestamp", [moment("9999-12-31 23:59:59.999999")]),
    ],
)
def test_of_what_cannot_be_told_exactly_nothing_is_told(kind: Kind, values: list[str]) -> None:
    assert found(kind, *values) is None


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (Bounds(1, 2), Bounds(3, 4), True),
        (Bounds(1, 3), Bounds(3, 4), False),
        (Bounds(3, 4), Bounds(1, 2), True),
        (Bounds("a", "b"), Bounds("c", "d"), True),
        (Bounds("10", "9"), Bounds("95", "96"), True),
        # In both a row may have none.
        (Bounds(1, 2, nulls=1), Bounds(3, 4, nulls=1), False),
        (Bounds(1, 2, nulls=1), Bounds(3, 4), True),
        # A file of another kind says nothing.
        (Bounds(1, 2), Bounds("3", "4"), False),
    ],
)
def test_files_are_apart_by_one_column_that_surely_differs(
    one: Bounds, other: Bounds, *, apart: bool
) -> None:
    alike = Bounds("x", "x")
    assert are_apart({"v": one}, {"v": other}) is apart
    assert are_apart({"v": one, "w": alike}, {"w": alike, "v": other}) is apart
    assert not are_apart({"v": one}, {"w": other})


def test_what_a_commit_says_is_read_as_it_was_written() -> None:
    told = {"名": Bounds('"a\\', "𐀀", 3), "n": Bounds(-(2**63), 2**63 - 1)}
    text = statistics(7, told)
    assert read_statistics(text) == told
    assert json.loads(text)["numRecords"] == 7
    assert read_statistics(statistics(7, {})) == read_statistics(None) == {}


def test_other_readers_that_skip_files_by_them_miss_no_row(tmp_path: Path) -> None:
    schema = pa.schema(
        [("k", pa.string()), ("n", pa.int64()), ("d", pa.date32()), ("at", pa.timestamp("us", tz="UTC"))]
    )
    kinds: dict[str, Kind] = {"k": "string", "n": "integer", "d": "date", "at": "timestamp"}
    table = LakeTable.create(tmp_path, schema, name="t")
    every: list[dict[str, Any]] = []
    for number in range(6):
        rows = [
            {
                "k": f"{'ké𐀀'[number % 3]}{number}",
                "n": (-1) ** number * (2**53 + number),
                "d": date(1950 + 20 * number, 1, 1) if number else None,
                "at": datetime(1965 + number, 3, 1, 0, 0, 0, 1 + 500 * number, tzinfo=UTC),
            }
        ]
        name = f"f{number}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / name)
        bounds = bounds_of(duckdb.connect(), f"read_parquet('{tmp_path / name}')", kinds)
        LakeTable.open(tmp_path).commit(Change(add={name: 1}, bounds={name: bounds}), at=_AT)
        every += rows
    assert table.version == 0
    con = duckdb.connect()
    import_extension("delta", con=con)
    con.execute("LOAD delta; SET TimeZone = 'UTC'")
    for row in every:
        for column, value in row.items():
            wanted = "IS NULL" if value is None else f"= '{value}'"
            query = f"SELECT k FROM delta_scan('{tmp_path}') WHERE \"{column}\" {wanted}"
            assert con.execute(query).fetchall() == [(row["k"],)], query
