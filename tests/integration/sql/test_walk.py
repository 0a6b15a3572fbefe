"""A table that changes is pulled again and again, and the lake is the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shanhai.errors import ConfigurationError, SourceError
from shanhai.ids import DeliveryId
from shanhai.ingest import walk
from shanhai.ingest.cursors import last_cursor
from shanhai.ingest.decide import decide
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from tests.support.one_city import DATASET, City
from tests.support.servers.postgres import Postgres
from tests.support.servers.wire import Wire
from tests.support.sql_events import COMMON, make_table


@pytest.fixture
def city(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> City:
    """A city whose dataset is a table of 500 rows, the last one two hours old."""
    make_table(postgres, monkeypatch)
    postgres.execute(
        "INSERT INTO events SELECT 'E' || g, g, now() - interval '2 hours' - g * interval '1 minute' "
        "FROM generate_series(1, 500) g"
    )
    made = City(tmp_path)
    made.declare(**COMMON)
    return made


def table(postgres: Postgres) -> list[tuple[str, int]]:
    rows = postgres.execute('SELECT "编号", n FROM events WHERE n >= 0').splitlines()
    return sorted((name, int(n)) for name, n in (row.split("|") for row in rows))


def delivered(city: City) -> list[DeliveryId]:
    return [record.id for record in sidecars(city.node, DATASET)]


def test_three_pulls_with_changes_between_make_the_lake_the_table(city: City, postgres: Postgres):
    city.walk()
    assert city.rows() == table(postgres)
    postgres.execute(
        "UPDATE events SET n = n + 1000, at = now() - interval '1 hour' WHERE n <= 20;"
        "INSERT INTO events SELECT 'F' || g, g, now() - interval '90 minutes' FROM generate_series(1, 30) g;"
        "INSERT INTO events VALUES ('bad', -1, now() - interval '70 minutes')"
    )
    city.walk()
    assert city.rows() == table(postgres)
    postgres.execute(
        # One commits late, below the mark; one is corrected at it; one is good by now.
        "INSERT INTO events VALUES ('late', 7, now() - interval '65 minutes');"
        "UPDATE events SET n = 5000 WHERE \"编号\" = 'E1';"
        "UPDATE events SET n = 1, at = now() - interval '30 minutes' WHERE \"编号\" = 'bad'"
    )
    city.walk()
    assert city.rows() == table(postgres)
    assert len(city.rows()) == 532
    assert city.walk()["new"] == []
    books = [row.counts for row in _books(city)]
    assert len(books) == 3
    assert all(counts.balanced for counts in books)
    assert sum(counts.loaded for counts in books) == 532


def _books(city: City) -> list[Any]:
    from shanhai.ingest.ledger import ledger

    return ledger(city.node)


def test_rows_of_a_refused_delivery_come_again(city: City, postgres: Postgres):
    city.walk()
    first = last_cursor(city.node, DATASET)
    postgres.execute("INSERT INTO events VALUES ('new', 1, now() - interval '1 hour')")
    city.walk()
    postgres.execute("INSERT INTO events VALUES ('newer', 2, now() - interval '30 minutes')")
    [third] = pull(city.node, DATASET)
    second = next(known for known in delivered(city)[1:] if known != third)
    decide(city.node, second, "withdraw", by="Li Wei", reason="a test")
    assert last_cursor(city.node, DATASET) == first
    assert ("new", 1) not in city.rows()
    city.walk()
    assert city.rows() == table(postgres)


def test_a_whole_pull_begins_anew_after_an_older_copy_was_restored(city: City, postgres: Postgres):
    city.walk()
    postgres.execute("DELETE FROM events WHERE n <= 100; UPDATE events SET n = n + 1 WHERE n = 500;")
    with pytest.raises(Exception, match="ends before the mark"):
        pull(city.node, DATASET)
    [whole] = pull(city.node, DATASET, full=True)
    record = sidecars(city.node, DATASET)[-1]
    assert (record.id, record.since) == (whole, None)
    assert last_cursor(city.node, DATASET) == record.cursor
    assert pull(city.node, DATASET) == []


def test_a_pull_that_was_cut_leaves_no_delivery_and_no_cursor(
    city: City, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    postgres.execute(
        "INSERT INTO events SELECT md5(g::text) || repeat('x', 400), g, '2020-01-01' "
        "FROM generate_series(1, 20000) g"
    )
    with Wire(postgres.port, cut_after=6_000_000) as wire:
        endpoint = postgres.endpoint.replace(str(postgres.port), str(wire.port))
        monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", endpoint)
        with pytest.raises(SourceError):
            pull(city.node, DATASET)
    assert delivered(city) == []
    assert last_cursor(city.node, DATASET) is None


def test_a_lost_cursor_column_leaves_all_as_it_was_until_it_is_back(city: City, postgres: Postgres):
    city.walk()
    known, mark = delivered(city), last_cursor(city.node, DATASET)
    postgres.execute("ALTER TABLE events RENAME COLUMN at TO changed")
    with pytest.raises(ConfigurationError, match="no such column") as refused:
        pull(city.node, DATASET)
    assert (refused.value.given, refused.value.exit_code) == ("at", 78)
    assert "changed" in str(refused.value.allowed)
    assert (delivered(city), last_cursor(city.node, DATASET)) == (known, mark)
    postgres.execute(
        "ALTER TABLE events RENAME COLUMN changed TO at;"
        "INSERT INTO events VALUES ('new', 1, now() - interval '1 hour')"
    )
    assert len(pull(city.node, DATASET)) == 1
    assert sidecars(city.node, DATASET)[-1].since == mark


def test_a_silent_database_leaves_no_delivery_and_the_next_pull_has_all(
    city: City, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SHANHAI_HTTP_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("SHANHAI_HTTP_ATTEMPTS", "2")
    with Wire(postgres.port, silent_after=1500) as wire:
        endpoint = postgres.endpoint.replace(str(postgres.port), str(wire.port))
        monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", endpoint)
        with pytest.raises(SourceError) as refused:
            pull(city.node, DATASET)
    assert refused.value.exit_code == 75
    assert delivered(city) == []
    monkeypatch.setenv("SHANHAI_HTTP_TIMEOUT_SECONDS", "600")
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", postgres.endpoint)
    city.walk()
    assert city.rows() == table(postgres)


def test_a_required_column_that_was_dropped_refuses_the_delivery(city: City, postgres: Postgres):
    city.walk()
    postgres.execute("ALTER TABLE events DROP COLUMN n")
    city.walk()
    assert [row.verdict for row in _books(city)] == ["accepted", "refused"]
    assert "n" in _books(city)[1].reason
    assert len(city.rows()) == 500


def test_the_password_is_in_nothing_that_is_kept(city: City, postgres: Postgres):
    city.walk()
    kept = b"".join(file.read_bytes() for file in (city.root / "home").rglob("*") if file.is_file())
    assert postgres.password.encode() not in kept
    assert b"postgresql://127.0.0.1" in kept


def test_a_table_of_sqlite_walks_the_same_way(tmp_path: Path):
    import sqlite3

    city = City(tmp_path)
    options = {"file": "city.db", "table": "events", "cursor": {"column": "at"}}
    city.declare(**{**COMMON, "source": {"connector": "sql", "endpoint": "data", "options": options}})
    city.data.mkdir()
    con = sqlite3.connect(city.data / "city.db")
    with con:
        con.execute("CREATE TABLE events (编号 TEXT PRIMARY KEY, n INTEGER, at TEXT)")
        con.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            [(f"E{n}", n, f"2024-02-01 10:{n:02}:00") for n in range(60)],
        )
    assert len(walk.walk(city.node, DATASET)["new"]) == 1
    with con:
        con.execute("INSERT INTO events VALUES ('T', 'nicht', '2024-02-01 10:59:00')")
        con.execute("INSERT INTO events VALUES ('F', 5, '2024-02-01 11:00:00')")
    con.close()
    city.walk()
    assert len(city.rows()) == 61
    assert [reasons for _, reasons in city.quarantined()] == [["n.type"]]
    assert city.walk()["new"] == []
