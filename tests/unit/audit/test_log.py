"""The log: appended within a transaction or not at all, published, and every damage found and named."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from event_log import ORIGIN, START, Books, books, log_key

from shanhai.audit.database import open_database, transaction
from shanhai.audit.events import digest_of, happened, leaf_of
from shanhai.audit.failures import EvidenceError, LogUnwritableError
from shanhai.audit.log import forget
from shanhai.audit.projection import project
from shanhai.audit.proofs import check_consistency, check_inclusion
from shanhai.audit.tree import EMPTY_ROOT
from shanhai.audit.verify import Expected, Verified, verify_log, verify_without_database
from shanhai.errors import ConfigurationError


def looked_at(kept: Books, **expected: object) -> Verified:
    return verify_log(kept.log, kept.folder, Expected(ORIGIN, [kept.key.public], **expected))


def wrong(kept: Books) -> set[tuple[str, int | None]]:
    return {(one.code, one.leaf) for one in looked_at(kept).wrong}


def shown(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


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
    with pytest.raises(LogUnwritableError):
        cross_many(kept, sent)
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


EDITED = (
    "UPDATE event SET document = CAST(replace(CAST(document AS TEXT), 'Chen', 'Chan') AS BLOB) WHERE leaf = 4"
)


def test_an_edited_event_is_named(tmp_path: Path):
    kept = books(tmp_path, 9)
    kept.damage(EDITED)
    assert wrong(kept) == {("entry-edited", 4)}


def test_an_edited_event_with_a_new_digest_is_named(tmp_path: Path):
    kept = books(tmp_path, 9)
    document = kept.log.entry(4).document or b""
    digest = digest_of(document.replace(b"Chen", b"Chan"))
    kept.damage(EDITED)
    kept.connection.execute("UPDATE event SET digest = ? WHERE leaf = 4", (digest,))
    assert ("entry-edited", 4) in wrong(kept)


def rewritten(kept: Books, keep: list[int], path: Path) -> Books:
    """Another log with some of the events, whose hashes all fit: what a forger without the key makes."""
    forged = Books(path, open_database(path / "exchange" / "exchange.db"), kept.key)
    forged.connection.execute("BEGIN IMMEDIATE")
    for leaf in keep:
        event = kept.log.entry(leaf).event
        assert event is not None
        forged.log.append(event)
    forged.connection.execute("COMMIT")
    shutil.copytree(kept.folder, forged.folder)
    return forged


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ([0, 1, 2, 3, 5, 6, 7, 8], {("entry-deleted", 4), ("log-shortened", None)}),
        ([0, 1, 2, 3, 4, 5, 6, 7], {("log-shortened", None)}),
        ([0, 1, 2, 3, 4, 5, 6, 8, 7], {("entry-edited", 7), ("consistency-proof-wrong", None)}),
    ],
)
def test_a_log_that_was_written_anew_does_not_fit_its_checkpoint(
    tmp_path: Path, keep: list[int], expected: set[tuple[str, int | None]]
):
    forged = rewritten(books(tmp_path / "kept", 9), keep, tmp_path / "forged")
    assert {one for one in wrong(forged) if one[0] != "tile-differs"} == expected
    before = shown(forged.folder)
    with pytest.raises(EvidenceError, match=r"log-shortened|consistency-proof-wrong"):
        project(forged.connection, forged.folder, forged.key, [forged.key.public])
    assert shown(forged.folder) == before


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM event WHERE leaf = 4", ("entry-deleted", 4)),
        ("UPDATE event SET document = NULL WHERE leaf = 4", ("entry-deleted", 4)),
        ("DELETE FROM event_tree WHERE level = 1 AND position = 2", ("entry-deleted", 4)),
        ("UPDATE event_tree SET hash = zeroblob(32) WHERE level = 0 AND position = 4", ("entry-edited", 4)),
        ("UPDATE event_tree SET hash = zeroblob(32) WHERE level = 1 AND position = 2", ("tree-differs", 4)),
    ],
)
def test_damaged_tables_are_found(tmp_path: Path, damage: str, expected: tuple[str, int]):
    kept = books(tmp_path, 9)
    kept.damage(damage)
    assert expected in wrong(kept)


def test_damaged_files_are_found(tmp_path: Path):
    kept = books(tmp_path, 300)
    tile = kept.folder / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    (kept.folder / "tile/entries/001.p/44").unlink()
    assert {("tile-differs", 0), ("tile-missing", 256)} <= wrong(kept)


def test_a_checkpoint_of_another_key_is_found(tmp_path: Path):
    kept = books(tmp_path, 9)
    for expected, code in (
        (Expected(ORIGIN, [log_key().public]), "checkpoint-forged"),
        (Expected("shanhai/other/0", [kept.key.public]), "checkpoint-origin-other"),
    ):
        assert [one.code for one in verify_log(kept.log, kept.folder, expected).wrong] == [code]


def test_events_after_the_checkpoint_are_counted(tmp_path: Path):
    kept = books(tmp_path, 2)
    kept.connection.execute("BEGIN IMMEDIATE")
    kept.log.append(happened("end", who="Chen Wei", at=START, pairing="ab"))
    kept.connection.execute("COMMIT")
    assert (looked_at(kept).wrong, looked_at(kept).tail) == ((), 1)


def test_a_log_whose_end_was_cut_with_its_files_is_found(tmp_path: Path):
    """The checkpoints that were signed lie in the database, too."""
    kept = books(tmp_path, 5)
    kept.add(4)
    shutil.rmtree(kept.folder)
    assert wrong(kept) == {("checkpoint-missing", None)}
    kept.damage("DELETE FROM event WHERE leaf > 6", "DELETE FROM event_tree WHERE level = 0 AND position > 6")
    assert ("log-shortened", None) in wrong(kept)


def test_an_older_checkpoint_in_place_of_the_newest_is_found(tmp_path: Path):
    kept = books(tmp_path, 5)
    older = (kept.folder / "checkpoint").read_bytes()
    kept.add(4)
    assert wrong(kept) == set()
    (kept.folder / "checkpoint").write_bytes(older)
    assert wrong(kept) == {("checkpoint-missing", None)}


def test_a_checkpoint_that_was_cut_off_from_its_database_is_kept_later(tmp_path: Path):
    """A kill between the file and the end of the transaction: the file is ahead, and that is no fault."""
    kept = books(tmp_path, 5)
    kept.damage("DELETE FROM checkpoint")
    assert (kept.log.kept(), wrong(kept)) == ((), set())
    project(kept.connection, kept.folder, kept.key, [kept.key.public])
    assert kept.log.kept() == ((kept.folder / "checkpoint").read_bytes(),)


def test_a_log_that_is_gone_is_found(tmp_path: Path):
    kept = books(tmp_path / "kept", 5)
    empty = books(tmp_path / "empty")
    nothing = Expected("", [])
    assert looked_at(empty).wrong == verify_without_database(empty.folder, nothing).wrong == ()
    for found in (
        looked_at(empty, events=1),
        verify_without_database(kept.folder, nothing),
        verify_without_database(empty.folder, Expected(ORIGIN, [], events=1)),
    ):
        assert [one.code for one in found.wrong] == ["log-shortened"]


def test_a_damaged_database_is_named(tmp_path: Path):
    kept = books(tmp_path, 300)
    kept.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept.connection.close()
    file = tmp_path / "exchange" / "exchange.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    again = Books(tmp_path, open_database(file), kept.key)
    assert [one.code for one in looked_at(again).wrong] == ["database-damaged"]
    again.connection.close()
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(EvidenceError, match="database-damaged"):
        open_database(file)


def test_nobody_writes_while_it_is_verified(tmp_path: Path):
    kept = books(tmp_path, 3)
    kept.connection.execute("PRAGMA busy_timeout = 1")
    writer = open_database(tmp_path / "exchange" / "exchange.db")
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnwritableError):
        looked_at(kept)
    writer.execute("ROLLBACK")
    assert looked_at(kept).wrong == ()


def test_a_database_that_others_may_open_is_not_opened(tmp_path: Path):
    kept = books(tmp_path, 1)
    kept.connection.close()
    file = tmp_path / "exchange" / "exchange.db"
    file.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others may open"):
        open_database(file)


def test_what_a_compromised_key_signed_proves_nothing_by_itself(tmp_path: Path):
    """Until a key that holds signs the same log."""
    kept = books(tmp_path, 3)
    fresh = log_key()
    expected = Expected(ORIGIN, [fresh.public], taken_back=[kept.key.public])
    found = verify_log(kept.log, kept.folder, expected)
    assert [one.code for one in found.wrong] == ["checkpoint-forged"]
    project(kept.connection, kept.folder, fresh, [kept.key.public, fresh.public])
    assert verify_log(kept.log, kept.folder, expected).wrong == ()
