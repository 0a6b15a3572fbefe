"""The log: appended within a transaction or not at all, published, and forgotten in part."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from event_log import START, Books, books, looked_at, shown
from small_disk import mounted_disk

from shanhai.audit.database import open_database, transaction
from shanhai.audit.events import happened, leaf_of
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import forget
from shanhai.audit.projection import project
from shanhai.audit.proofs import check_consistency, check_inclusion
from shanhai.audit.tree import EMPTY_ROOT
from shanhai.errors import ConfigurationError, DiskFullError


def test_an_event_is_there_when_its_transaction_is(tmp_path: Path):
    kept = books(tmp_path)
    assert (kept.log.size, kept.log.root()) == (0, EMPTY_ROOT)
    for end, size in (("ROLLBACK", 0), ("COMMIT", 1)):
        kept.connection.execute("BEGIN IMMEDIATE")
        assert kept.log.append(happened("end", who="Chen Wei", at=START, pairing="ab")) == 0
        kept.connection.execute(end)
        assert kept.log.size == size
    (entry,) = kept.log.entries()
    assert entry.event is not None
    assert entry.event.about == {"pairing": "ab"}


def test_an_event_without_a_transaction_is_refused(tmp_path: Path):
    with pytest.raises(LogUnwritableError, match="outside of a transaction"):
        books(tmp_path).log.append(happened("end", who="Chen Wei", at=START, pairing="ab"))


def test_a_log_on_a_full_disk_says_that_it_is_full(tmp_path: Path):
    """SQLite says "disk I/O error" where it cannot make the file that connections share."""
    with mounted_disk(tmp_path, size=1 << 20) as disk:
        if disk is None:
            pytest.skip("this process may not mount a file system")
        file = disk.folder / "exchange.db"
        open_database(file).close()
        disk.leave(0)
        with pytest.raises(DiskFullError, match=r"the disk of .* is full.*make room"):
            open_database(file)


@pytest.mark.parametrize("trouble", ["full", "read only", "locked", "tables gone"])
def test_nothing_crosses_when_the_log_cannot_be_written(tmp_path: Path, trouble: str):
    """log-unwritable: the event comes first, and without it neither the number nor the bytes are there."""
    kept = books(tmp_path, 300)
    kept.connection.execute("CREATE TABLE outbox (seq INTEGER PRIMARY KEY, payload BLOB) STRICT")
    match trouble:
        case "full":
            (pages,) = kept.connection.execute("PRAGMA page_count").fetchone()
            kept.connection.execute(f"PRAGMA max_page_count = {pages}")
        case "read only":
            kept.connection.execute("PRAGMA query_only = ON")
        case "locked":
            other = sqlite3.connect(tmp_path / "exchange" / "exchange.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            kept.connection.execute("PRAGMA busy_timeout = 10")
        case "tables gone":
            kept.damage("DROP TABLE event_tree")
    sent: list[bytes] = []
    with pytest.raises(LogUnwritableError) as met:
        cross_many(kept, sent)
    assert isinstance(met.value, DiskFullError) is (trouble == "full")
    assert kept.connection.execute("SELECT count(*) FROM outbox").fetchone() == (len(sent),)
    assert kept.log.size == 300 + len(sent)


def cross_many(kept: Books, sent: list[bytes]) -> None:
    for seq in range(300, 1000):
        cross(kept, seq, sent)


def cross(kept: Books, seq: int, sent: list[bytes]) -> None:
    """A crossing in small: number, bytes and event in one transaction, then the sending."""
    with transaction(kept.connection):
        event = happened("ship", who="system", at=START, pairing="ab", generation=0, seq=seq, message="cd")
        kept.log.append(event)
        kept.connection.execute("INSERT INTO outbox VALUES (?, ?)", (seq, b"signed"))
    sent.append(b"signed")


def test_what_is_published_proves_every_event(tmp_path: Path):
    kept = books(tmp_path, 3)
    old = kept.log.root()
    kept.add(4)
    for entry in kept.log.entries():
        path = kept.log.inclusion(entry.leaf, 7)
        check_inclusion(leaf_of(entry.digest), entry.leaf, 7, path, kept.log.root())
    check_consistency(3, 7, kept.log.consistency(3, 7), old_root=old, new_root=kept.log.root())
    assert looked_at(kept).wrong == ()


def test_files_do_not_depend_on_how_often_they_were_written(tmp_path: Path):
    kept = books(tmp_path, 255)
    for count in (1, 3, 253):
        kept.add(count)
    often = shown(kept.folder)
    assert set(often) == {
        "checkpoint",
        *(f"tile/{level}/{number}" for level in ("0", "entries") for number in ("000", "001")),
        "tile/1/000.p/1",
        "tile/1/000.p/2",
    }
    shutil.rmtree(kept.folder)
    project(kept.connection, kept.folder, kept.key, [kept.key.public])
    once = shown(kept.folder)
    assert {name: often[name] for name in once} == once
    assert project(kept.connection, kept.folder, kept.key, [kept.key.public]).size == 512
    assert shown(kept.folder) == once


def test_a_publication_that_was_cut_off_is_finished(tmp_path: Path):
    """The checkpoint comes last: before it, the old one and its tiles are whole."""
    kept = books(tmp_path, 300)
    before = (kept.folder / "checkpoint").read_bytes()
    kept.add(300)
    whole = shown(kept.folder)
    (kept.folder / "checkpoint").write_bytes(before)
    (kept.folder / "tile/0/001").unlink()
    project(kept.connection, kept.folder, kept.key, [kept.key.public])
    assert shown(kept.folder).items() >= whole.items()
    assert looked_at(kept).wrong == ()


def test_files_are_for_their_owner_alone(tmp_path: Path):
    kept = books(tmp_path, 2)
    files = [
        kept.home / "exchange" / "exchange.db",
        *(one for one in kept.folder.rglob("*") if one.is_file()),
    ]
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_a_publication_is_as_durable_as_its_database(tmp_path: Path):
    connection = open_database(tmp_path / "x" / "exchange.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_events_are_never_deleted_nor_changed(tmp_path: Path):
    kept = books(tmp_path, 3)
    for statement in (
        "DELETE FROM event WHERE leaf = 2",
        "UPDATE event SET document = x'7b7d' WHERE leaf = 2",
        "UPDATE event SET digest = hex(zeroblob(32)) WHERE leaf = 2",
        "DELETE FROM event_tree",
        # REPLACE fires no trigger of deletion.
        "INSERT OR REPLACE INTO event VALUES (2, x'7b7d', hex(zeroblob(32)))",
        "INSERT INTO event VALUES (4, x'7b7d', hex(zeroblob(32)))",
        "INSERT OR REPLACE INTO event_tree VALUES (0, 1, zeroblob(32))",
        "DELETE FROM checkpoint",
        "UPDATE checkpoint SET size = 2",
        "UPDATE event_tree SET hash = zeroblob(32)",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            kept.connection.execute(statement)


def test_an_erased_event_is_forgotten_and_still_proven(tmp_path: Path):
    kept = books(tmp_path, 3)
    kept.connection.execute("BEGIN IMMEDIATE")
    assert kept.log.erase(1, who="Chen Wei", at=START) == 3
    kept.connection.execute("COMMIT")
    kept.add(1)
    with pytest.raises(ConfigurationError, match="is kept"):
        kept.log.erase(3, who="Chen Wei", at=START)
    assert kept.log.entry(1).event is None
    found = looked_at(kept)
    assert (found.wrong, found.events, found.erased, found.tail) == ((), 5, 1, 0)


def test_an_erased_event_is_in_no_file_of_the_database(tmp_path: Path):
    kept = books(tmp_path, 3)
    told = bytes(f"{1:032x}", "ascii")

    def files_with_it() -> list[str]:
        return [file.name for file in (tmp_path / "exchange").iterdir() if told in file.read_bytes()]

    assert files_with_it()
    reader = open_database(tmp_path / "exchange" / "exchange.db")
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM event").fetchone() == (3,)
    kept.connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(LogUnwritableError, match="run it again"):
        forget(kept.connection, 1, who="Chen Wei", at=START)
    reader.execute("ROLLBACK")
    forget(kept.connection, 1, who="Chen Wei", at=START)
    assert files_with_it() == []
    # It was erased once, and one event says so.
    assert (looked_at(kept).wrong, kept.log.size) == ((), 4)
