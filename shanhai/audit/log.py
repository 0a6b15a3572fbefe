"""The log itself: events in a database, appended within the transaction of what they tell of."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shanhai.audit import tree
from shanhai.audit.checkpoints import LogKey, sign_checkpoint
from shanhai.audit.database import transaction, unwritable
from shanhai.audit.events import Event, digest_of, happened, leaf_of, read_event
from shanhai.audit.failures import EvidenceError, LogUnwritableError
from shanhai.errors import ConfigurationError, NotFoundError

_BEYOND = 2**63 - 1


@dataclass(frozen=True)
class Entry:
    """One leaf with the event beside it.

    Args:
        leaf: its place, from 0.
        digest: the SHA-256 of the event's JSON, in hex.
        document: that JSON, or None when it was erased.
    """

    leaf: int
    digest: str
    document: bytes | None

    @property
    def event(self) -> Event | None:
        """The event, or None when it was erased.

        Raises:
            EvidenceError: `entry-edited`.
        """
        if self.document is None:
            return None
        if digest_of(self.document) != self.digest:
            raise EvidenceError("entry-edited", leaf=self.leaf)
        try:
            return read_event(self.document)
        except EvidenceError as error:
            raise EvidenceError("entry-edited", leaf=self.leaf) from error


class EventLog:
    """An append-only log over a connection that its owner opened, with the tables of `audit.database`.

    Appending costs a few rows whatever the size: the hash of each complete subtree is kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def size(self) -> int:
        """How many events were appended."""
        (size,) = self._connection.execute("SELECT coalesce(max(leaf) + 1, 0) FROM event").fetchone()
        return int(size)

    def append(self, event: Event) -> int:
        """Add an event within the caller's transaction, and give its leaf.

        What the event tells of may happen only after that transaction is committed.

        Raises:
            LogUnwritableError: it could not be written; the caller must roll back, and nothing may happen.
            EvidenceError: the log is not whole: `database-damaged`, `entry-deleted`. The same holds.
        """
        if not self._connection.in_transaction:
            raise LogUnwritableError("an event was appended outside of a transaction")
        document = event.document
        digest = digest_of(document)
        try:
            leaf = self.size
            gained = tree.grown(leaf, leaf_of(digest), self.subtree)
            self._connection.execute("INSERT INTO event VALUES (?, ?, ?)", (leaf, document, digest))
            self._connection.executemany(
                "INSERT INTO event_tree VALUES (?, ?, ?)",
                [(one.level, one.index, one.hash) for one in gained],
            )
        except sqlite3.Error as error:
            raise unwritable("the audit log cannot be written", error, self._connection) from error
        return leaf

    def erase(self, leaf: int, *, who: str, at: datetime) -> int:
        """Forget what an event said, keeping its commitment; that is an event too, whose leaf is given.

        Raises:
            NotFoundError: there is no such event.
            ConfigurationError: it says itself that another was erased.
            EvidenceError: it was edited, which must not be hidden.
            LogUnwritableError: it could not be written.
        """
        event = self.entry(leaf).event
        if event is not None and event.kind == "erase":
            raise ConfigurationError("what says that an event was erased is kept", given=leaf)
        appended = self.append(happened("erase", who=who, at=at, leaf=leaf))
        try:
            self._connection.execute("UPDATE event SET document = NULL WHERE leaf = ?", (leaf,))
        except sqlite3.Error as error:
            raise unwritable("the audit log cannot be written", error, self._connection) from error
        return appended

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Leaves [start, stop) in their order, those that are missing left out."""
        found = self._connection.execute(
            "SELECT leaf, digest, document FROM event WHERE leaf >= ? AND leaf < ? ORDER BY leaf",
            (start, _BEYOND if stop is None else stop),
        )
        return (Entry(*row) for row in found)

    def entry(self, leaf: int) -> Entry:
        """One leaf.

        Raises:
            NotFoundError: the log has none of this number.
        """
        if leaf < _BEYOND:
            for one in self.entries(leaf, leaf + 1):
                return one
        raise NotFoundError(
            "no such event", given=leaf, allowed=f"0 to {self.size - 1}" if self.size else "none"
        )

    def subtree(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree.

        Raises:
            EvidenceError: `entry-deleted`: the tree has lost it.
        """
        found = self._connection.execute(
            "SELECT hash FROM event_tree WHERE level = ? AND position = ?", (level, index)
        ).fetchone()
        if found is None:
            raise EvidenceError("entry-deleted", leaf=index << level)
        return bytes(found[0])

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` events, 32 bytes; None: over all."""
        return tree.root(self.size if size is None else size, self.subtree)

    def checkpoint(self, key: LogKey) -> bytes:
        """A signed checkpoint of the log as it is, also within a transaction."""
        size = self.size
        return sign_checkpoint(size, self.root(size), key)

    def keep(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint beside the events, within the caller's transaction; twice is once."""
        self._connection.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (size, note))

    def kept(self) -> tuple[bytes, ...]:
        """Every signed checkpoint that was published, the smallest first."""
        found = self._connection.execute("SELECT note FROM checkpoint ORDER BY size")
        return tuple(bytes(note) for (note,) in found)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody appends or publishes within.

        Raises:
            LogUnwritableError: the database is not to be had.
        """
        with transaction(self._connection):
            yield

    def is_whole(self) -> bool:
        """Whether every page of the database, those of other tables too, is as SQLite made it."""
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        return bool(found == "ok")

    def inclusion(self, leaf: int, size: int) -> tuple[bytes, ...]:
        """The audit path of a leaf in the tree of the first `size` events."""
        return tree.inclusion(leaf, size, self.subtree)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the first `new` events begin with the first `old`; none is needed from nothing."""
        return tree.consistency(old, new, self.subtree) if old else ()


def forget(connection: sqlite3.Connection, leaf: int, *, who: str, at: datetime) -> None:
    """Erase an event so that no file of the database has it any more; killed anywhere, it may be run again.

    Args:
        connection: with no transaction open.

    Raises:
        NotFoundError, ConfigurationError, EvidenceError: as `EventLog.erase`.
        LogUnwritableError: it could not be written, or somebody reads what must go; then run it again.
    """
    log = EventLog(connection)
    with transaction(connection):
        if log.entry(leaf).document is not None:
            log.erase(leaf, who=who, at=at)
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LogUnwritableError(
            "the event is erased, but the journal of the database has it still",
            given=leaf,
            hint="run it again",
        )
