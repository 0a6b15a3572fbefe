"""The connector `sql` against a real PostgreSQL: what it reads, and what it refuses."""

from __future__ import annotations

import logging
import signal
import threading

import pytest
from pydantic import SecretStr

from connectors.sql import SqlConnector
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import (
    ConfigurationError,
    DataError,
    DeniedError,
    NotFoundError,
    ShanhaiError,
    SourceError,
)
from tests.support.servers.postgres import Postgres
from tests.support.servers.wire import Wire
from tests.support.sql_source import AUTH, Pulled, SqlSource, of_postgres


@pytest.fixture
def db(postgres: Postgres) -> SqlSource:
    """A database with an empty schema `public`."""
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"
    )
    return of_postgres(postgres)


def one(pulled: list[Pulled]) -> Pulled:
    [only] = pulled
    return only


TYPES = [
    ("boolean", "true", True),
    ("smallint", "-32768", -32768),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("real", "0.1", 0.10000000149011612),
    ("double precision", "5e-324", 5e-324),
    ("numeric(30, 10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    ("numeric", "'NaN'", "NaN"),
    ("text", "E'水\\t\"表'", '水\t"表'),
    ("varchar(9)", "''", ""),
    ("char(5)", "'ab'", "ab   "),
    ("date", "'2024-02-29'", "2024-02-29"),
    ("date", "'infinity'", "infinity"),
    ("time", "'08:30:00.5'", "08:30:00.5"),
    ("timestamp", "'2024-03-01 08:30:00.000001'", "2024-03-01 08:30:00.000001"),
    ("timestamptz", "'2024-03-01 08:30:00+08'", "2024-03-01 00:30:00+00"),
    ("interval", "'1 day 2 hours'", "P1DT2H"),
    ("json", '\'{"b": 1.10, "a": null}\'', '{"b": 1.10, "a": null}'),
    ("jsonb", '\'{"b": 1.10, "a": null}\'', '{"a": null, "b": 1.10}'),
    ("uuid", "'0F8FAD5B-d9cb-469f-a165-70867728950e'", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("bytea", "'\\xDEAD'", "\\xdead"),
    ("int[]", "'{1,NULL,3}'", "{1,NULL,3}"),
    ("text[]", "ARRAY['a,b', 'c']", '{"a,b",c}'),
    ("inet", "'10.0.0.1/8'", "10.0.0.1/8"),
    ("xml", "'<a/>'", "<a/>"),
    ("mood", "'froh'", "froh"),
    ("mood[]", "'{froh}'", "{froh}"),
    ("positive", "5", 5),
]


def test_every_type_keeps_its_value(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "CREATE TYPE mood AS ENUM ('froh'); CREATE DOMAIN small AS int; "
        "CREATE DOMAIN positive AS small CHECK (value > 0);"
        f"CREATE TABLE t ({', '.join(f'c{n} {kind}' for n, (kind, _, _) in enumerate(TYPES))});"
        f"INSERT INTO t VALUES ({', '.join(literal for _, literal, _ in TYPES)});"
        "INSERT INTO t DEFAULT VALUES;"
        "SET timezone = 'Asia/Shanghai'; ALTER DATABASE city SET timezone = 'Asia/Shanghai';"
        "ALTER DATABASE city SET datestyle = 'SQL, DMY'; ALTER DATABASE city SET bytea_output = 'escape'"
    )
    try:
        rows = one(db.pull(table="public.t")).rows
    finally:
        postgres.execute("ALTER DATABASE city RESET ALL")
    assert sorted(rows, key=str) == sorted(
        [
            {f"c{n}": value for n, (_, _, value) in enumerate(TYPES)},
            {f"c{n}": None for n in range(len(TYPES))},
        ],
        key=str,
    )


@pytest.mark.parametrize("kind", ["money", "int4range", "point", "tsvector", "pair", "pair[]"])
def test_a_type_without_a_plain_text_is_refused_by_its_column(db: SqlSource, postgres: Postgres, kind: str):
    postgres.execute(f"CREATE TYPE pair AS (a int, b int); CREATE TABLE t (id int PRIMARY KEY, odd {kind})")
    with pytest.raises(ConfigurationError, match="odd"):
        db.pull(table="public.t")
    assert one(db.pull(table="public.t", columns=["id"])).rows == []


def test_names_may_be_anything_and_are_never_sql(db: SqlSource, postgres: Postgres):
    postgres.execute(
        'CREATE TABLE "水表; DROP TABLE x --" ("读 ""数""" int, "a\'b" text, "select" date);'
        'CREATE TABLE x (id int); INSERT INTO "水表; DROP TABLE x --" VALUES (1, $$\'; DROP TABLE x; --$$)'
    )
    pulled = one(
        db.pull(table="public.水表; DROP TABLE x --", columns=['读 "数"', "a'b"], order_by=["select"])
    )
    assert pulled.rows == [{'读 "数"': 1, "a'b": "'; DROP TABLE x; --"}]
    assert "/" not in pulled.body.name
    assert postgres.execute("SELECT count(*) FROM x") == "0"
    for wrong in ('id" FROM x; DROP TABLE x; --', "id; DROP TABLE x", "1"):
        with pytest.raises(ConfigurationError, match="no such column"):
            db.pull(table="public.x", order_by=[wrong])
        with pytest.raises(ConfigurationError, match="no such column"):
            db.pull(table="public.x", columns=[wrong])
    with pytest.raises(NotFoundError):
        db.pull(table='public.x" UNION SELECT usename FROM pg_user --')
    assert postgres.execute("SELECT count(*) FROM x") == "0"


def test_nothing_can_be_written_even_by_what_the_table_does(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "CREATE TABLE log (id int); GRANT INSERT ON log TO PUBLIC;"
        "CREATE FUNCTION note() RETURNS int LANGUAGE sql AS 'INSERT INTO public.log VALUES (1) RETURNING 1';"
        "CREATE VIEW v AS SELECT note() AS id"
    )
    with pytest.raises(DeniedError, match="read only"):
        db.pull(table="public.v")
    assert postgres.execute("SELECT count(*) FROM log") == "0"


def test_the_same_rows_give_the_same_bytes_whatever_their_order_on_the_disk(
    db: SqlSource, postgres: Postgres
):
    postgres.execute(
        "CREATE TABLE t (a int, b json); INSERT INTO t SELECT g % 7, '{}' FROM generate_series(1, 999) g;"
        "INSERT INTO t VALUES (3, NULL), (NULL, '[1]')"
    )
    first = one(db.pull(table="public.t", batch_rows=100)).content
    postgres.execute(
        "CREATE TABLE u AS SELECT * FROM t ORDER BY random(); DROP TABLE t; ALTER TABLE u RENAME TO t"
    )
    assert one(db.pull(table="public.t", batch_rows=100)).content == first


def test_rows_stand_in_the_order_that_was_asked_for(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 10), (2, 9), (3, 9)"
    )
    assert one(db.pull(table="public.t", order_by=["n"])).values("id") == [2, 3, 1]
    assert one(db.pull(table="public.t")).values("id") == [1, 2, 3]


def test_all_bodies_are_of_one_moment(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        "INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series(1, 60000) g"
    )
    bodies = db.connector(table="public.t", batch_rows=1000).pull(None)
    body = next(bodies)
    chunks = [next(body.chunks)]
    postgres.execute(
        "UPDATE t SET v = 'changed'; INSERT INTO t SELECT g, 'new' FROM generate_series(60001, 70000) g"
    )
    pulled = Pulled(body, b"".join([*chunks, *body.chunks]))
    bodies.close()  # type: ignore[attr-defined]
    assert set(pulled.values("v")) == {"x" * 200}
    assert pulled.values("id") == list(range(1, 60_001))


def test_a_wrong_password_is_not_tried_twice_and_not_told(
    db: SqlSource, postgres: Postgres, caplog: pytest.LogCaptureFixture
):
    postgres.execute("CREATE TABLE t (id int)")
    wrong = "canary' password=x \\"
    context = ConnectContext(postgres.endpoint, secret=lambda name: SecretStr(wrong), sleep=_never)
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigurationError, match="city_password") as refused:
        db.pull(table="public.t", context=context)
    told = f"{refused.value} {refused.value!r} {refused.value.__cause__} {caplog.text}"
    assert "canary" not in told
    assert refused.value.__suppress_context__


def _never(seconds: float) -> None:
    raise AssertionError("it was tried again")


@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        ("postgresql://reader:canary@127.0.0.1/city", "auth"),
        ("postgresql://127.0.0.1/city?password=canary", "auth"),
        ("postgresql://127.0.0.1/", "auth"),
        ("postgresql://127.0.0.1:x/city", "auth"),
        ("mysql://127.0.0.1/canary", ""),
    ],
)
def test_an_endpoint_has_host_port_and_database_and_no_password(endpoint: str, hint: str):
    with pytest.raises(ConfigurationError) as refused:
        SqlConnector({"table": "public.t", "auth": AUTH}, ConnectContext(endpoint))
    assert "canary" not in str(refused.value)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "public.t"}, "auth"),
        ({"table": "t", "auth": AUTH}, "schema.table"),
        ({"table": "public.t", "auth": AUTH, "file": "city.db"}, "file"),
        ({"table": "public.t", "auth": AUTH, "cursor": {"column": "a", "lag": "soon"}}, "cursor.lag"),
        (
            {"table": "public.t", "auth": AUTH, "cursor": {"column": "a"}, "window": {"column": "a"}},
            "not both",
        ),
        ({"table": "public.t", "auth": {"user": "u", "password": "p"}}, "auth"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, object], message: str):
    with pytest.raises(ConfigurationError, match=message):
        SqlConnector(options, ConnectContext("postgresql://127.0.0.1/city"))


def test_a_database_or_table_that_is_not_there_is_said(db: SqlSource, postgres: Postgres):
    with pytest.raises(NotFoundError, match="no_such"):
        db.pull(table="public.no_such")
    context = ConnectContext(postgres.endpoint + "x", secret=lambda name: SecretStr(postgres.password))
    with pytest.raises(ConfigurationError, match="no database"):
        db.pull(table="public.t", context=context)


def test_a_table_that_may_not_be_read_is_denied(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE TABLE t (id int PRIMARY KEY); REVOKE pg_read_all_data FROM reader")
    try:
        with pytest.raises(DeniedError, match="may not be read"):
            db.pull(table="public.t")
    finally:
        postgres.execute("GRANT pg_read_all_data TO reader")


def test_a_column_that_was_lost_is_named_with_those_that_are_there(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE TABLE t (id int PRIMARY KEY, changed timestamptz, name text)")
    postgres.execute("ALTER TABLE t DROP COLUMN changed")
    for options in (
        {"cursor": {"column": "changed"}},
        {"columns": ["id", "changed"]},
        {"order_by": ["changed"]},
        {"window": {"column": "changed"}, "windows": ["2024"]},
    ):
        with pytest.raises(ConfigurationError, match="changed") as refused:
            db.pull(table="public.t", **options)
        assert refused.value.allowed == "id, name"
    # Where all columns are read, it is the decoder that finds it missing.
    assert one(db.pull(table="public.t")).rows == []


def test_a_server_that_needs_tls_or_offers_none_is_not_sent_the_password(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE TABLE t (id int)")
    with pytest.raises(ConfigurationError, match="TLS"):
        db.pull(table="public.t", sslmode="verify-full")
    with pytest.raises(ConfigurationError, match="TLS"):
        SqlConnector({"table": "public.t", "auth": AUTH}, db.context).pull(None).__next__()


def test_a_locked_table_is_waited_for_and_then_said(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE TABLE t (id int PRIMARY KEY)")
    released = threading.Event()

    def hold() -> None:
        with pytest.raises(AssertionError, match="canceling"):
            postgres.execute("BEGIN; LOCK TABLE t; SELECT pg_sleep(600)")

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        while "t" not in postgres.execute(
            "SELECT relation::regclass FROM pg_locks WHERE mode LIKE 'AccessEx%'"
        ):
            released.wait(0.02)
        with pytest.raises(SourceError, match="locked"):
            of_postgres(postgres, timeout_seconds=2).pull(table="public.t")
    finally:
        postgres.execute("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE mode LIKE 'AccessEx%'")
        holding.join()


def test_a_query_that_takes_too_long_is_ended(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE VIEW v AS SELECT 1 AS id, pg_sleep(30)::text AS slept")
    with pytest.raises(SourceError, match="too long"):
        of_postgres(postgres, max_body_seconds=0.3).pull(table="public.v")


def test_a_table_over_the_cap_is_refused(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE TABLE t AS SELECT md5(g::text) AS v FROM generate_series(1, 5000) g")
    with pytest.raises(DataError, match="larger than allowed"):
        of_postgres(postgres, max_body_bytes=10_000).pull(table="public.t")


@pytest.mark.parametrize(
    ("key", "ids"),
    [("2024-03-01", [2, 3]), ("2024-03", [2, 3, 4]), ("2024", [1, 2, 3, 4])],
)
def test_a_window_is_a_half_open_interval_on_its_own_calendar(
    db: SqlSource, postgres: Postgres, key: str, ids: list[int]
):
    postgres.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz); INSERT INTO t VALUES "
        "(1, '2024-02-29 23:59:59.999999+08'), (2, '2024-03-01 00:00+08'),"
        "(3, '2024-03-01 23:59:59.999999+08'), (4, '2024-03-02 00:00+08'),"
        "(5, '2025-01-01 00:00+08'), (6, NULL)"
    )
    window = {"column": "at", "time_zone": "Asia/Shanghai"}
    pulled = one(db.pull(key, table="public.t", window=window))
    assert (pulled.values("id"), pulled.body.name) == (ids, f"{key}/public.t.parquet")
    with pytest.raises(SourceError, match="1999-12"):
        db.pull("1999-12", table="public.t", window=window)
    with pytest.raises(ConfigurationError, match="time_zone"):
        db.pull(key, table="public.t", window={"column": "at"})


def test_a_server_that_stops_in_the_middle_tears_the_body(db: SqlSource, postgres: Postgres):
    postgres.execute(
        "CREATE TABLE t AS SELECT g AS id, repeat(md5(g::text), 8) AS v FROM generate_series(1, 200000) g"
    )
    bodies = db.connector(table="public.t", batch_rows=1000).pull(None)
    body = next(bodies)
    next(body.chunks)
    postgres.stop(signal.SIGQUIT)
    try:
        with pytest.raises(SourceError, match="cut off"):
            for _ in body.chunks:
                pass
    finally:
        postgres.start()
    bodies.close()  # type: ignore[attr-defined]
    assert len(one(db.pull(table="public.t", columns=["id"])).rows) == 200_000


def test_what_goes_wrong_tells_neither_password_nor_values(
    db: SqlSource, postgres: Postgres, caplog: pytest.LogCaptureFixture
):
    postgres.execute(
        "CREATE TABLE people (id text); INSERT INTO people VALUES ('330106199001011234');"
        "CREATE VIEW v AS SELECT id::int AS id FROM people"
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(ShanhaiError) as refused:
        db.pull(table="public.v")
    with Wire(postgres.port, cut_after=900) as wire, pytest.raises(ShanhaiError) as cut:
        of_postgres(postgres, port=wire.port).pull(table="public.people")
    shown = db.connector(table="public.v")
    told = f"{refused.value!r} {refused.value} {cut.value} {cut.value!r} {caplog.text} {shown!r}"
    assert "330106" not in told
    assert postgres.password not in told
