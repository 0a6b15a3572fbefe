"""The tables of the exchange: made once, by whoever comes first, and not touched by an older program."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_disk import LimitedFiles

from shanhai.audit.database import FILE, open_database, transaction
from shanhai.audit.events import happened
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.courier import partners, waiting
from shanhai.courier.database import _VERSIONS, open_state
from shanhai.courier.partners import Partner
from shanhai.errors import ConfigurationError
from shanhai.exchange.order import Acknowledged
from shanhai.exchange.pairing_states import PairingState

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def a_partner(pairing: str = "ab" * 16, name: str = "longyou") -> Partner:
    return Partner(pairing, name, PairingState.OFFERED, b"{}", "file:///relay", "f/1", "f/2")


def test_a_home_that_had_a_log_only_keeps_it(tmp_path: Path):
    with closing(open_database(tmp_path / FILE)) as connection, transaction(connection):
        EventLog(connection).append(happened("end", who="Li Wei", at=NOW, pairing="ab" * 16))
    with closing(open_state(tmp_path)) as connection:
        assert EventLog(connection).size == 1
        assert {"partner", "grant_", "outbox", "inbox", "sealed_set", "fork"} <= tables(connection)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "exchange").iterdir()} == {0}


def test_many_who_open_it_at_once_make_it_once(tmp_path: Path):
    kept_open, found = open_database(tmp_path / FILE), []

    def opened() -> None:
        with closing(open_state(tmp_path)) as connection:
            found.append(connection.execute("PRAGMA user_version").fetchone()[0])

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept_open.close()
    assert found == [len(_VERSIONS)] * 8


def test_tables_of_a_newer_program_are_left_alone(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match=r"a newer Shanhai.*version 99"):
        open_state(tmp_path)


def test_a_disk_that_fails_in_between_undoes_all_and_may_be_tried_again(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(LogUnwritableError, match="full"), transaction(connection):
            partners.add(connection, replace(a_partner(), offer=bytes(100_000)))
        assert partners.every(connection) == ()
        connection.execute("PRAGMA max_page_count = 1000000")
        partners.add(connection, a_partner())
        assert partners.named(connection, "longyou") == a_partner()


def test_one_name_for_one_partner(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        partners.add(connection, a_partner())
        with pytest.raises(ConfigurationError, match="has this name already"):
            partners.add(connection, a_partner("cd" * 16))
        columns = "name, state, offer, relay, folder_out, folder_in"
        again = f"INSERT INTO partner (pairing, {columns}) SELECT 'another', {columns} FROM partner"
        with pytest.raises(sqlite3.IntegrityError, match="name"):
            connection.execute(again)


def test_what_was_acknowledged_is_never_taken_back(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        partners.add(connection, a_partner())
        for generation, seq in ((0, 5), (0, 3), (1, 0), (0, 9)):
            partners.acked(connection, "ab" * 16, Acknowledged(generation, seq, f"{seq:064x}"))
        assert partners.named(connection, "longyou").acknowledged == Acknowledged(1, 0, f"{0:064x}")


def test_places_of_messages(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        partners.add(connection, a_partner())
        assert partners.named(connection, "longyou").ack is None
        partners.sent(connection, "ab" * 16, generation=0, seq=0, digest="11" * 32)
        partners.settled(connection, "ab" * 16, generation=2, seq=7, digest="22" * 32)
        partners.heard(connection, "ab" * 16, NOW)
        found = partners.named(connection, "longyou")
        assert (found.next_seq_out, found.last_out, found.heard) == (1, "11" * 32, NOW)
        assert found.ack == Acknowledged(2, 7, "22" * 32)
        position = found.position({(2, 7): "22" * 32})
        assert (position.generation, position.next_seq, position.last) == (2, 8, "22" * 32)


def test_what_waits_waits_once_until_it_is_done(tmp_path: Path):
    with closing(open_state(tmp_path)) as connection:
        waiting.waits(connection, "approve", "one", NOW)
        waiting.waits(connection, "approve", "one", NOW + timedelta(hours=1))
        waiting.waits(connection, "adopt", "one", NOW)
        assert [(one.kind, one.since) for one in waiting.open_ones(connection)] == [
            ("approve", NOW),
            ("adopt", NOW),
        ]
        assert waiting.done(connection, "approve", "one", who="Li Wei", at=NOW)
        assert not waiting.done(connection, "approve", "one", who="Li Wei", at=NOW)
        waiting.waits(connection, "approve", "one", NOW + timedelta(days=1))
        assert [one.kind for one in waiting.open_ones(connection)] == ["adopt", "approve"]


def test_a_limit_on_the_size_of_files_is_told_as_that(tmp_path: Path):
    """SQLite says "disk I/O error", or that the disk is full, and somebody would look at the disk."""
    open_state(tmp_path).close()
    files = LimitedFiles(tmp_path)
    found: list[LogUnwritableError] = []
    for room in (4096, 16 << 10, 64 << 10):
        files.leave(room)
        try:
            with closing(open_state(tmp_path)) as connection, transaction(connection):
                connection.execute("INSERT INTO listing VALUES ('m', ?)", (bytes(1 << 20),))
        except LogUnwritableError as error:
            found.append(error)
        finally:
            files.clear()
    assert [(one.exit_code, "ulimit -f" in one.hint, "no file of this" in one.message) for one in found] == [
        (75, True, True)
    ] * 3
    with closing(open_state(tmp_path)) as connection:
        assert connection.execute("SELECT count(*) FROM listing").fetchone() == (0,)
