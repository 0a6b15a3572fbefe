"""What an incremental pull of PostgreSQL asks for, row by row at its edges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shanhai.errors import ConfigurationError
from tests.support.servers.postgres import Postgres
from tests.support.sql_source import Pulled, SqlSource, of_postgres

AT = {"column": "at", "lag": "1h"}


@pytest.fixture
def db(postgres: Postgres) -> SqlSource:
    """A table `public.t` whose last row is an hour and a half old."""
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, v text);"
        "INSERT INTO t SELECT g, now() - interval '90 minutes' - g * interval '1 hour', 'a' "
        "FROM generate_series(0, 9) g"
    )
    return of_postgres(postgres)


def ids(db: SqlSource, cursor: dict[str, Any], since: str | None = None) -> tuple[list[int], str | None]:
    pulled = db.pull(table="public.t", cursor=cursor, since=since)
    if not pulled:
        return [], None
    [only] = pulled
    return sorted(only.values("id")), only.cursor


def value(cursor: str | None) -> str:
    return str(json.loads(cursor or "{}")["value"])


def test_the_first_pull_has_all_and_the_next_nothing(db: SqlSource):
    first, mark = ids(db, AT)
    assert first == list(range(10))
    assert ids(db, AT, mark) == ([], None)


def test_rows_that_are_equal_to_the_cursor_come_again_with_the_new_ones(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, {"column": "at"})
    postgres.execute("INSERT INTO t SELECT 10, at, 'same moment' FROM t WHERE id = 0")
    again, second = ids(db, {"column": "at"}, mark)
    assert again == [0, 10]
    assert value(second) == value(mark)
    assert ids(db, {"column": "at"}, second) == ([], None)


def test_a_row_that_was_changed_at_the_cursor_comes_again(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    postgres.execute("UPDATE t SET v = 'b' WHERE id = 0")
    assert ids(db, AT, mark)[0] == [0, 1]


def test_a_late_commit_comes_within_the_lag_and_not_beyond(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    postgres.execute(
        "INSERT INTO t SELECT 20, at - interval '59 minutes', 'late' FROM t WHERE id = 0;"
        "INSERT INTO t SELECT 21, at - interval '61 minutes', 'too late' FROM t WHERE id = 0"
    )
    again, _ = ids(db, AT, mark)
    assert 20 in again
    assert 21 not in again


def test_rows_without_a_cursor_come_each_time_something_is_new(db: SqlSource, postgres: Postgres):
    postgres.execute("INSERT INTO t VALUES (30, NULL, 'no moment')")
    first, mark = ids(db, {"column": "at"})
    assert 30 in first
    assert ids(db, {"column": "at"}, mark) == ([], None)
    postgres.execute("INSERT INTO t VALUES (31, NULL, 'another')")
    assert ids(db, {"column": "at"}, mark)[0] == [0, 30, 31]


def test_a_clock_that_is_ahead_does_not_hide_what_comes_after(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "INSERT INTO t VALUES (40, now() + interval '9 years', 'skew'), (41, 'infinity', 'open')"
    )
    first, mark = ids(db, {"column": "at"})
    assert {40, 41} <= set(first)
    postgres.execute("INSERT INTO t VALUES (42, now(), 'new')")
    assert ids(db, {"column": "at"}, mark)[0] == [0, 40, 41, 42]


def test_local_stamps_without_a_zone_come_again_rather_than_never(db: SqlSource, postgres: Postgres):
    postgres.execute("ALTER TABLE t ALTER at TYPE timestamp USING now() AT TIME ZONE 'Asia/Shanghai'")
    first, mark = ids(db, {"column": "at"})
    assert (len(first), mark) == (10, None)


@pytest.mark.parametrize(
    ("kind", "values", "lag"),
    [
        ("bigint", ["1", "2", "9007199254740993"], "0"),
        ("numeric(30,10)", ["0.1", "2", "12345678901234567890.0123456789"], "0"),
        ("numeric", ["1", "2", "3"], "1"),
        ("date", ["2024-02-28", "2024-02-29", "2024-03-01"], "1d"),
        ("timestamp", ["2024-02-28", "2024-02-29 10:00", "2024-02-29 10:00:00.000001"], "1s"),
        ("text", ["2024-02-28 10:00:00", "2024-02-29 10:00:00", "2024-03-01 10:00:00"], "0"),
    ],
)
def test_cursors_of_every_kind_are_exact(
    db: SqlSource, postgres: Postgres, kind: str, values: list[str], lag: str
):
    rows = ", ".join(f"({number}, '{text}')" for number, text in enumerate(values))
    postgres.execute(f"CREATE TABLE k (id int PRIMARY KEY, c {kind}); INSERT INTO k VALUES {rows}")
    cursor = {"column": "c", "lag": lag}
    [first] = db.pull(table="public.k", cursor=cursor)
    assert len(first.rows) == 3
    assert db.pull(table="public.k", cursor=cursor, since=first.cursor) == []
    postgres.execute("INSERT INTO k SELECT 9, c FROM k WHERE id = 2; DELETE FROM k WHERE id = 2")
    [second] = db.pull(table="public.k", cursor=cursor, since=first.cursor)
    assert 9 in second.values("id")
    assert 0 not in second.values("id")


@pytest.mark.parametrize(("kind", "lag"), [("bigint", "1h"), ("timestamptz", "5"), ("double precision", "0")])
def test_a_cursor_or_a_lag_of_the_wrong_kind_is_refused(
    db: SqlSource, postgres: Postgres, kind: str, lag: str
):
    postgres.execute(f"CREATE TABLE k (c {kind})")
    postgres.execute("INSERT INTO k SELECT " + ("now()" if kind == "timestamptz" else "1"))
    with pytest.raises(ConfigurationError):
        db.pull(table="public.k", cursor={"column": "c", "lag": lag})


def test_a_table_that_ends_before_the_mark_is_refused_with_the_way_back(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    postgres.execute("DELETE FROM t WHERE id < 3")
    with pytest.raises(ConfigurationError, match="ends before the mark") as refused:
        ids(db, AT, mark)
    assert "--full" in refused.value.hint
    assert ids(db, AT)[0] == list(range(3, 10))


def test_an_empty_table_gives_nothing_and_loses_no_mark(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    postgres.execute("TRUNCATE t")
    assert ids(db, AT, mark) == ([], None)
    assert ids(db, AT) == ([], None)


def test_a_mark_of_another_column_or_kind_is_not_believed(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    assert ids(db, {"column": "id"}, mark)[0] == list(range(10))
    postgres.execute("ALTER TABLE t ALTER at TYPE date")
    assert ids(db, {"column": "at"}, mark)[0] == list(range(10))
    assert ids(db, {"column": "at"}, "garbage")[0] == list(range(10))


def test_the_key_of_a_scheduled_run_selects_nothing(db: SqlSource):
    [keyed] = db.pull("2024-03-01", table="public.t", cursor=AT)
    [plain] = db.pull(table="public.t", cursor=AT)
    assert (keyed.content, keyed.body.name) == (plain.content, plain.body.name)


def test_a_mark_is_a_value_and_never_sql(db: SqlSource, postgres: Postgres):
    evil = json.dumps(
        {"column": "v", "kind": "text", "value": "'; DROP TABLE t; --", "tail": "'; DROP TABLE t; --"}
    )
    assert ids(db, {"column": "v"}, evil)[0] == list(range(10))
    assert postgres.execute("SELECT count(*) FROM t") == "10"


def test_the_bytes_of_a_pull_from_one_mark_are_the_same_twice(db: SqlSource, postgres: Postgres):
    _, mark = ids(db, AT)
    postgres.execute("INSERT INTO t VALUES (50, now(), 'new')")

    def pulled() -> Pulled:
        [only] = db.pull(table="public.t", cursor=AT, since=mark)
        return only

    assert pulled().content == pulled().content
    assert pulled().body.facts == pulled().body.facts
