"""A PostgreSQL that goes silent, at whatever step, ends a pull in time, and the next pull loses nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from shanhai.errors import SourceError
from tests.support.servers.postgres import Postgres
from tests.support.servers.wire import Wire
from tests.support.sql_source import SqlSource, of_postgres

ROWS = 60_000
SECONDS = 1.0
MOST_SECONDS = 60.0
"""Of a pull that waits for `SECONDS` a few times, on a machine with more to do."""
PATIENT_SECONDS = 600.0
"""Where nobody is silent: a server that others keep from its work is none that has died."""


@pytest.fixture(scope="module")
def db(postgres: Postgres) -> SqlSource:
    """A table of 60,000 rows, 30 MB on the wire."""
    postgres.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
        "CREATE TABLE t (id int PRIMARY KEY, v text);"
        f"INSERT INTO t SELECT g, repeat(md5(g::text), 16) FROM generate_series(1, {ROWS}) g"
    )
    return source(postgres)


def source(
    postgres: Postgres, port: int | None = None, *, silence: float = SECONDS, wait: float = SECONDS
) -> SqlSource:
    given = of_postgres(postgres, port=port, timeout_seconds=wait)
    options = {**given.options, "table": "public.t", "batch_rows": 1000, "max_silence_seconds": silence}
    return SqlSource(given.context, options)


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def patient(postgres: Postgres) -> SqlSource:
    return source(postgres, silence=PATIENT_SECONDS, wait=PATIENT_SECONDS)


def serving(postgres: Postgres) -> int:
    """The process of the server that serves the pull that began last."""
    sessions = "SELECT pid FROM pg_stat_activity WHERE application_name = 'shanhai'"
    return int(postgres.execute(f"{sessions} ORDER BY backend_start DESC LIMIT 1"))


def test_a_backend_that_is_stopped_amid_its_rows_ends_the_pull_and_the_next_one_has_them_all(
    db: SqlSource, postgres: Postgres
):
    bodies = source(postgres, wait=PATIENT_SECONDS).connector().pull(None)
    body = next(bodies)
    next(body.chunks)
    began = time.monotonic()
    with stopped(serving(postgres)), pytest.raises(SourceError, match="went silent") as refused:
        for _ in body.chunks:
            pass
    bodies.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < MOST_SECONDS
    assert refused.value.recovery == "retry"
    [pulled] = patient(postgres).pull(columns=["id"])
    assert pulled.values("id") == list(range(1, ROWS + 1))


def test_a_whole_server_that_is_stopped_is_told(db: SqlSource, postgres: Postgres):
    assert postgres.process is not None
    server = psutil.Process(postgres.process.pid)
    began = time.monotonic()
    with (
        stopped(server.pid, *(child.pid for child in server.children())),
        pytest.raises(SourceError, match="cannot be reached") as refused,
    ):
        db.pull()
    assert time.monotonic() - began < MOST_SECONDS
    assert refused.value.recovery == "retry"


@pytest.mark.parametrize("passed", [0, 30, 400, 1500, 40_000, 130_000, 400_000, 9_000_000])
def test_a_silence_at_any_step_ends_the_pull(db: SqlSource, postgres: Postgres, passed: int):
    began = time.monotonic()
    with Wire(postgres.port, silent_after=passed) as wire, pytest.raises(SourceError) as refused:
        source(postgres, wire.port).pull()
    assert time.monotonic() - began < MOST_SECONDS
    assert refused.value.recovery == "retry"


def test_work_without_a_sign_is_waited_for_as_long_as_allowed(db: SqlSource, postgres: Postgres):
    postgres.execute("CREATE OR REPLACE VIEW v AS SELECT id, pg_sleep(3)::text AS slept FROM t WHERE id <= 1")
    [pulled] = source(postgres, silence=PATIENT_SECONDS).pull(table="public.v")
    assert pulled.values("id") == [1]
    with pytest.raises(SourceError, match="went silent"):
        source(postgres).pull(table="public.v")


def test_a_pull_of_a_silent_server_can_be_given_up(db: SqlSource, postgres: Postgres):
    bodies = patient(postgres).connector().pull(None)
    next(next(bodies).chunks)
    began = time.monotonic()
    with stopped(serving(postgres)):
        bodies.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < MOST_SECONDS
