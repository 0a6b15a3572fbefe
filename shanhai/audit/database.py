"""The tables of the log in a SQLite database, and a connection that keeps what it was told to keep."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shanhai.audit.failures import EvidenceError, LogDiskFullError, LogUnwritableError
from shanhai.errors import ConfigurationError, DiskFullError
from shanhai.storage.disk import disk_error
from shanhai.storage.durable import make_folders

FILE = Path("exchange", "exchange.db")
"""Where the state of the exchange lies in a home, the log with it."""

_UNWRITTEN = "the database of the exchange cannot be written"
_WAIT_SECONDS = 30
_LOOK = "see who owns it and its folder, and whether its file system is mounted read-only"
_HELPS = {
    sqlite3.SQLITE_BUSY: "another process of this home writes for long: wait, then run it again",
    sqlite3.SQLITE_IOERR: "its disk failed: look into the log of the system, then run it again",
}
_SHARED_BYTES = 64 * 1024
"""Free room below which the file that connections share, of 32 KiB, may not be had."""

_TABLES = """
CREATE TABLE IF NOT EXISTS event (
    leaf INTEGER PRIMARY KEY CHECK (leaf >= 0),
    document BLOB,
    digest TEXT NOT NULL CHECK (length(digest) = 64)
) STRICT;
CREATE TABLE IF NOT EXISTS event_tree (
    level INTEGER NOT NULL CHECK (level >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
    size INTEGER NOT NULL CHECK (size >= 0),
    note BLOB NOT NULL,
    PRIMARY KEY (size, note)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS event_is_only_appended BEFORE INSERT ON event
WHEN NEW.leaf IS NOT (SELECT coalesce(max(leaf) + 1, 0) FROM event)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_tree_is_never_replaced BEFORE INSERT ON event_tree
WHEN EXISTS (SELECT 1 FROM event_tree WHERE level = NEW.level AND position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS checkpoint_is_never_deleted BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS checkpoint_is_never_changed BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_is_only_erased BEFORE UPDATE ON event
WHEN NEW.leaf IS NOT OLD.leaf OR NEW.digest IS NOT OLD.digest OR NEW.document IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_tree_is_never_deleted BEFORE DELETE ON event_tree
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_tree_is_never_changed BEFORE UPDATE ON event_tree
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


def open_database(file: Path) -> sqlite3.Connection:
    """A connection that begins no transaction by itself and whose commits survive a power cut.

    The file is made, mode 0600, with the log's tables, where it is not there yet.

    Raises:
        LogUnwritableError: it cannot be opened or written.
        EvidenceError: `database-damaged`.
        ConfigurationError: others may read or write it.
    """
    try:
        make_folders(file.parent)
        _check_private(file)
        connection = sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None, factory=_Connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        create_tables(connection)
    except (sqlite3.Error, OSError) as error:
        if _is_damage(error):
            raise _damaged(file) from error
        raise _unwritable("the database of the exchange cannot be opened", error, file) from error
    return connection


def unwritable(what: str, error: Exception, connection: sqlite3.Connection) -> LogUnwritableError:
    """What tells why the database was not written; of a full disk, that it is full."""
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return _unwritable(what, error, Path(file))


def _unwritable(what: str, error: Exception, file: Path) -> LogUnwritableError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if most != resource.RLIM_INFINITY and code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        # Of what the kernel says then, "file too large", SQLite leaves no word.
        return LogDiskFullError(
            f"{what}: no file of this process may grow beyond a size",
            given=f"{file}, at most {most:,} bytes",
            allowed="no such limit, or a greater one",
            hint="raise it (ulimit -f), then run it again: nothing is half-written",
        )
    if _is_full(error, file.parent):
        full = disk_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), file.parent)
        return LogDiskFullError(f"{what}: {full.message}", given=full.given, hint=full.hint)
    return LogUnwritableError(what, given=file, hint=f"{_HELPS.get(code, _LOOK)} ({error})")


def _is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError):
        return isinstance(disk_error(error, folder), DiskFullError)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    # Where there is no room for the file that connections share, SQLite says no more than "disk I/O error".
    return code == sqlite3.SQLITE_FULL or (
        code == sqlite3.SQLITE_IOERR and shutil.disk_usage(folder).free < _SHARED_BYTES
    )


def _is_damage(error: Exception) -> bool:
    """Whether SQLite says that what it reads is no database, or not a whole one; nothing else is so."""
    return type(error) is sqlite3.DatabaseError


def _damaged(file: Path) -> EvidenceError:
    return EvidenceError(
        "database-damaged",
        given=file,
        hint=f"put {file.parent.name}/ back whole, from a copy no older than audit/checkpoint",
    )


def _telling(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a cursor; damage that it finds is told as evidence, with the file."""

    @functools.wraps(method)
    def told(cursor: _Cursor, *given: Any) -> Any:
        try:
            return method(cursor, *given)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise _damaged(cursor.connection.file) from error
            raise

    return told


class _Cursor(sqlite3.Cursor):
    """Pages are read when rows are asked for, and any may be damaged."""

    connection: _Connection
    execute = _telling(sqlite3.Cursor.execute)
    executemany = _telling(sqlite3.Cursor.executemany)
    fetchone = _telling(sqlite3.Cursor.fetchone)
    fetchall = _telling(sqlite3.Cursor.fetchall)
    __next__ = _telling(sqlite3.Cursor.__next__)


class _Connection(sqlite3.Connection):
    """Its cursors raise EvidenceError, `database-damaged`, where a page is not what it was."""

    def __init__(self, file: Path, **options: Any) -> None:
        self.file = file
        super().__init__(file, **options)

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, *given: Any) -> Any:
        return self.cursor().execute(*given)

    def executemany(self, *given: Any) -> Any:
        return self.cursor().executemany(*given)


def _check_private(file: Path) -> None:
    """See that the file, made where it is not there, is for its owner alone."""
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mode = stat.S_IMODE(os.fstat(opened).st_mode)
    finally:
        os.close(opened)
    if mode & 0o077:
        raise ConfigurationError(
            "others may open the database of the exchange",
            given=f"{file}: {mode:04o}",
            allowed="0600",
            hint=f"chmod 600 {file}",
        )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that holds the database from its beginning: committed whole, or rolled back.

    Raises:
        LogUnwritableError: it cannot be begun, written or committed; what the block did is undone.
        EvidenceError: `database-damaged`; what the block did is undone.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise unwritable("the database of the exchange is not to be had", error, connection) from error
    try:
        yield
        _commit(connection)
    except sqlite3.OperationalError as error:
        connection.rollback()
        raise unwritable(_UNWRITTEN, error, connection) from error
    except BaseException:
        # Where the disk is full, SQLite has rolled back by itself, and this does nothing.
        connection.rollback()
        raise


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise unwritable(_UNWRITTEN, error, connection) from error


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the log's tables where they are missing. Commits what is open."""
    connection.executescript(_TABLES)
