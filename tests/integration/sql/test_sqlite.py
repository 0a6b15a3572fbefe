"""The connector `sql` against SQLite files: values of any type in any column, and nothing left behind."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shanhai.clock import fixed_clock
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.errors import ConfigurationError, DataError, DeniedError, NotFoundError, SourceError
from tests.support.sql_source import Pulled, SqlSource, of_sqlite


@contextmanager
def writing(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as con, con:
        yield con


@pytest.fixture
def db(tmp_path: Path) -> SqlSource:
    with writing(tmp_path / "city.db") as con:
        con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    return of_sqlite(tmp_path, clock=fixed_clock(datetime(2024, 3, 1, tzinfo=UTC)))


def fill(db: SqlSource, values: list[Any]) -> None:
    with writing(Path(db.context.endpoint) / "city.db") as con:
        con.executemany("INSERT INTO t (v) VALUES (?)", [(value,) for value in values])


def one(pulled: list[Pulled]) -> Pulled:
    [only] = pulled
    return only


def test_no_value_is_changed_by_the_types_of_the_rows_before(db: SqlSource):
    values = [*([None] * 2000), 1, -(2**63), 0.1, 1 / 3, 1e300, 5.0, "abc", "", "=", "007", b"\x00\xff", None]
    fill(db, values)
    texts = [
        *([None] * 2000),
        *("1", "-9223372036854775808", "0.1", "0.33333333333333332", "1.0e+300", "5.0"),
        *("abc", "", "=", "007", "\\x00ff", None),
    ]
    found = one(db.pull(table="t")).values("v")
    assert found == texts
    floats = [(float(text), value) for text, value in zip(found, values, strict=True) if type(value) is float]
    assert all(read == value for read, value in floats)


def test_a_text_that_is_no_utf8_is_refused_by_its_column(db: SqlSource):
    with writing(Path(db.context.endpoint) / "city.db") as con:
        con.execute("INSERT INTO t (v) VALUES (CAST(x'C4E3' AS TEXT))")
    with pytest.raises(DataError, match="column v has texts that are not UTF-8"):
        db.pull(table="t")


def test_an_empty_table_has_its_columns_and_no_rows(db: SqlSource):
    pulled = one(db.pull(table="t"))
    assert pulled.rows == []


def test_a_table_without_a_key_gives_the_same_bytes_in_any_order(tmp_path: Path):
    rows = [(1, "b"), (1.0, "b"), ("1", None), (None, "a")]
    contents = []
    for name, order in (("a.db", rows), ("b.db", rows[::-1])):
        with writing(tmp_path / name) as con:
            con.execute("CREATE TABLE t (a, b)")
            con.executemany("INSERT INTO t VALUES (?, ?)", order)
        contents.append(one(of_sqlite(tmp_path, name).pull(table="t")).content)
    assert contents[0] == contents[1]


def test_a_view_and_odd_names_are_read(db: SqlSource):
    with writing(Path(db.context.endpoint) / "city.db") as con:
        con.execute('CREATE VIEW "水表""; --" AS SELECT 1 AS "读数 \'x\'", 2 AS "select"')
    assert one(db.pull(table='水表"; --')).rows == [{"读数 'x'": "1", "select": "2"}]


def test_nothing_is_left_beside_the_file_and_nothing_written(db: SqlSource, tmp_path: Path):
    fill(db, [1, 2])
    before = (tmp_path / "city.db").read_bytes()
    assert len(one(db.pull(table="t")).rows) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["city.db"]
    assert (tmp_path / "city.db").read_bytes() == before


def test_a_file_in_wal_mode_that_nobody_has_open_leaves_no_log(tmp_path: Path):
    with writing(tmp_path / "city.db") as con:
        con.execute("PRAGMA journal_mode = wal")
        con.execute("CREATE TABLE t (id)")
        con.execute("INSERT INTO t VALUES (1)")
    assert [file.name for file in tmp_path.iterdir()] == ["city.db"]
    assert one(of_sqlite(tmp_path).pull(table="t")).rows == [{"id": "1"}]
    assert [file.name for file in tmp_path.iterdir()] == ["city.db"]


def test_rows_that_are_only_in_the_log_are_read(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "city.db")) as con:
        con.execute("PRAGMA journal_mode = wal")
        con.execute("CREATE TABLE t (id)")
        con.execute("INSERT INTO t VALUES (1)")
        con.commit()
        bodies = of_sqlite(tmp_path).connector(table="t").pull(None)
        body = next(bodies)
        con.execute("INSERT INTO t VALUES (2)")
        con.commit()
        assert Pulled(body, b"".join(body.chunks)).rows == [{"id": "1"}]
        bodies.close()  # type: ignore[attr-defined]
        assert len(one(of_sqlite(tmp_path).pull(table="t")).rows) == 2


def test_a_file_that_changes_while_it_is_read_as_it_lies_is_torn(tmp_path: Path):
    with writing(tmp_path / "city.db") as con:
        con.execute("PRAGMA journal_mode = wal")
        con.execute("CREATE TABLE t (id)")
    bodies = of_sqlite(tmp_path).connector(table="t").pull(None)
    body = next(bodies)
    with writing(tmp_path / "city.db") as con:
        con.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(SourceError, match="changed while it was read"):
        _all_of(bodies, body)


def _all_of(bodies: Iterator[Body], body: Body) -> None:
    b"".join(body.chunks)
    next(bodies)


@pytest.mark.parametrize("file", ["../city.db", "/etc/passwd", "out/city.db"])
def test_a_file_outside_the_endpoint_is_denied(db: SqlSource, tmp_path: Path, file: str):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(tmp_path)
    with pytest.raises(DeniedError):
        of_sqlite(inside, file).pull(table="t")


def test_what_is_not_there_or_no_database_is_said(db: SqlSource, tmp_path: Path):
    with pytest.raises(NotFoundError, match="no such database"):
        of_sqlite(tmp_path, "other.db").pull(table="t")
    with pytest.raises(NotFoundError, match="no such table"):
        db.pull(table="other")
    (tmp_path / "junk.db").write_bytes(b"junk" * 999)
    with pytest.raises(ConfigurationError, match="no SQLite database"):
        of_sqlite(tmp_path, "junk.db").pull(table="t")


@pytest.mark.parametrize("kept", [5000, 8192, -4096, -1])
def test_a_file_that_is_cut_off_is_not_read_as_a_shorter_table(db: SqlSource, tmp_path: Path, kept: int):
    fill(db, ["x" * 500] * 200)
    (tmp_path / "cut.db").write_bytes((tmp_path / "city.db").read_bytes()[:kept])
    with pytest.raises(SourceError, match="cut off"):
        of_sqlite(tmp_path, "cut.db").pull(table="t")


def test_a_file_that_is_damaged_inside_is_said_without_what_is_in_it(db: SqlSource, tmp_path: Path):
    fill(db, ["canary" * 100] * 200)
    whole = bytearray((tmp_path / "city.db").read_bytes())
    whole[8192 : 8192 + 4096] = b"\xff" * 4096
    (tmp_path / "city.db").write_bytes(whole)
    with pytest.raises(SourceError, match="damaged") as refused:
        db.pull(table="t")
    assert "canary" not in str(refused.value)


def test_credentials_have_no_place(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="auth"):
        of_sqlite(tmp_path).connector(table="t", auth={"user": "u", "secret": "s"})
    with pytest.raises(ConfigurationError, match="needs file"):
        SqlSource(ConnectContext(str(tmp_path)), {}).connector(table="t")


def test_a_cursor_of_numbers_takes_texts_along_each_time(db: SqlSource):
    fill(db, [10, 20, None, "zzz"])
    cursor = {"column": "v", "lag": 5}
    first = one(db.pull(table="t", cursor=cursor))
    assert first.values("v") == [None, "10", "20", "zzz"]
    assert db.pull(table="t", cursor=cursor, since=first.cursor) == []
    fill(db, [15, 30])
    second = one(db.pull(table="t", cursor=cursor, since=first.cursor))
    assert second.values("v") == [None, "15", "20", "30", "zzz"]
    fill(db, [9])
    assert db.pull(table="t", cursor=cursor, since=second.cursor) == []


def test_a_table_that_lost_its_cursor_column_is_told_with_what_there_is(db: SqlSource, tmp_path: Path):
    fill(db, [10, 20])
    cursor = {"column": "v"}
    first = one(db.pull(table="t", cursor=cursor))
    with closing(sqlite3.connect(tmp_path / "city.db")) as con, con:
        con.execute("ALTER TABLE t RENAME COLUMN v TO w")
    with pytest.raises(ConfigurationError, match="no such column") as refused:
        db.pull(table="t", cursor=cursor, since=first.cursor)
    assert refused.value.given == "v"
    assert "w" in str(refused.value.allowed)
    assert "renamed" in refused.value.hint


def test_a_table_that_ends_before_the_mark_is_refused_with_the_way_back(db: SqlSource, tmp_path: Path):
    fill(db, [10, 20])
    cursor = {"column": "v"}
    first = one(db.pull(table="t", cursor=cursor))
    with closing(sqlite3.connect(tmp_path / "city.db")) as con, con:
        con.execute("DELETE FROM t WHERE v = 20")
    with pytest.raises(ConfigurationError, match="ends before the mark") as refused:
        db.pull(table="t", cursor=cursor, since=first.cursor)
    assert "--full" in refused.value.hint


def test_a_cursor_of_moments_leaves_the_future_aside(db: SqlSource):
    fill(db, ["2024-02-29 08:00:00", "2024-02-29 09:00:00", "2924-01-01 00:00:00"])
    cursor = {"column": "v", "lag": "90m"}
    first = one(db.pull(table="t", cursor=cursor))
    assert '"2024-02-29 09:00:00"' in (first.cursor or "")
    fill(db, ["2024-02-29 07:30:00", "2024-02-29 07:29:59"])
    second = one(db.pull(table="t", cursor=cursor, since=first.cursor))
    assert second.values("v") == [
        *("2024-02-29 07:30:00", "2024-02-29 08:00:00", "2024-02-29 09:00:00", "2924-01-01 00:00:00")
    ]


def test_a_window_selects_days_of_texts(db: SqlSource):
    fill(db, ["2024-02-29 23:59:59", "2024-03-01", "2024-03-01T23:59", "2024-03-02", None, 20240301])
    pulled = one(db.pull("2024-03-01", table="t", window={"column": "v"}))
    assert pulled.values("v") == ["2024-03-01", "2024-03-01T23:59"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_read(db: SqlSource, tmp_path: Path):
    tmp_path.chmod(0o500)
    try:
        assert one(db.pull(table="t")).rows == []
    finally:
        tmp_path.chmod(0o700)
