"""Every damage of a log, its files and its database is found and named."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from event_log import ORIGIN, START, Books, books, log_key, looked_at, shown, wrong

from shanhai.audit.database import open_database, transaction
from shanhai.audit.events import digest_of, happened
from shanhai.audit.failures import EvidenceError, LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project
from shanhai.audit.verify import Expected, verify_log, verify_without_database
from shanhai.errors import ConfigurationError

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


@pytest.mark.parametrize("path", ["tile/0/000.p/3", "tile/entries/000.p/3", "tile/0/000.p/9"])
def test_damaged_files_of_the_log_when_it_was_smaller_are_found(tmp_path: Path, path: str):
    """Who has an older checkpoint may still ask for them; none can be of a log that never was."""
    kept = books(tmp_path, 3)
    kept.add(2)
    assert wrong(kept) == set()
    with (kept.folder / path).open("ab") as file:
        file.write(b"x")
    assert wrong(kept) == {("tile-differs", 0)}


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


def damaged(kept: Books, table: str) -> Path:
    """Close the books, and write over the first page of a table of theirs."""
    asked = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    (page,) = kept.connection.execute(asked, (table,)).fetchone()
    (size,) = kept.connection.execute("PRAGMA page_size").fetchone()
    kept.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept.connection.close()
    file = kept.folder.parent / "exchange" / "exchange.db"
    with file.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)
    return file


@pytest.mark.parametrize("table", ["event", "event_tree"])
def test_what_finds_damage_as_it_writes_is_no_failure_that_passes(tmp_path: Path, table: str):
    kept = books(tmp_path, 3)
    with contextlib.closing(open_database(damaged(kept, table))) as connection:
        with pytest.raises(EvidenceError, match="database-damaged"), transaction(connection):
            EventLog(connection).append(happened("erase", who="Li Wei", at=START, leaf=1))
        assert not connection.in_transaction


def test_a_damaged_page_of_another_table_is_named_by_whoever_reads_it(tmp_path: Path):
    """The events alone would all agree."""
    kept = books(tmp_path, 3)
    kept.connection.execute("CREATE TABLE other (text TEXT NOT NULL)")
    kept.connection.executemany("INSERT INTO other VALUES (?)", [("x" * 3000,)] * 40)
    file = damaged(kept, "other")
    again = Books(tmp_path, open_database(file), kept.key)
    with pytest.raises(EvidenceError) as found:
        again.connection.execute("SELECT * FROM other").fetchall()
    assert (found.value.code, found.value.given) == ("database-damaged", str(file))
    assert "from a copy" in found.value.hint
    assert [one.code for one in looked_at(again).wrong] == ["database-damaged"]
    again.connection.close()


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
