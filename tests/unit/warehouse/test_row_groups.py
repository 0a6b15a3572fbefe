"""Rows stream out of DuckDB and into Parquet: all of them, in order, typed, and errors keep their names."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shanhai.warehouse.batches import batches
from shanhai.warehouse.row_groups import RowGroups

ROWS = 300_000


@pytest.fixture
def con():
    with duckdb.connect(config={"threads": 2, "memory_limit": "200MB"}) as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


def test_all_rows_in_their_order_and_in_even_groups(con, tmp_path):
    query = (
        f"SELECT i, 'name ' || i AS name, i % 3 = 0 AS flag, nullif(i % 5, 0)::DOUBLE AS x, "
        f"make_timestamptz(i * 1000000) AS at FROM range({ROWS}) r(i)"
    )
    with RowGroups(tmp_path / "out.parquet", constants={"_of": "a's"}) as out:
        for batch in batches(con, query):
            out.write(batch)
    metadata = pq.read_metadata(out.path)
    assert (metadata.num_rows, out.rows, metadata.num_row_groups) == (ROWS, ROWS, 3)
    again = f"SELECT * EXCLUDE (file_row_number) FROM read_parquet('{out.path}', file_row_number = true)"
    asked = f"SELECT *, 'a''s' AS _of FROM ({query})"
    assert con.execute(f"({asked}) EXCEPT ALL ({again})").fetchall() == []
    assert con.execute(
        f"SELECT count(*) FROM read_parquet('{out.path}', file_row_number = true) WHERE file_row_number = i"
    ).fetchone() == (ROWS,)
    assert pq.read_schema(out.path).field("at").type == pa.timestamp("us", tz="UTC")
    assert pq.read_schema(out.path).field("_of").type == pa.string()
    assert oct(out.path.stat().st_mode)[-3:] == "600"


def test_a_lookup_does_not_mix_up_what_two_threads_read(con):
    con.execute(f"CREATE TABLE numbers AS SELECT i, i % 1000 AS code FROM range({ROWS}) r(i)")
    con.execute("CREATE TABLE register AS SELECT code FROM range(0, 1000, 2) r(code)")
    looked_up = "SELECT i, code IN (FROM register) AS known FROM numbers"
    found = pa.Table.from_batches(batches(con, looked_up))
    assert found.column("i").to_pylist() == list(range(ROWS))
    assert con.execute("SELECT current_setting('threads')").fetchone() == (2,)


def test_without_rows_there_is_no_file(con, tmp_path):
    (tmp_path / "out.parquet").write_text("an older one")
    with RowGroups(tmp_path / "out.parquet") as out:
        for batch in batches(con, "SELECT 1 AS a WHERE false"):
            out.write(batch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (f"SELECT CASE WHEN i < {ROWS - 9} THEN i ELSE error('no')::INT END FROM range({ROWS}) r(i)",
         duckdb.InvalidInputException),
        ("SELECT * FROM read_parquet('/absent')", duckdb.IOException),
        ("SELECT i, hash(i)::VARCHAR || repeat('x', 90) AS x FROM range(9000000) r(i) ORDER BY x",
         duckdb.OutOfMemoryException),
    ],
)  # fmt: skip
def test_errors_are_those_of_duckdb_also_in_the_middle(con, query, error):
    con.execute("SET max_temp_directory_size = '1MB'")
    with pytest.raises(error):
        for _ in batches(con, query):
            pass
