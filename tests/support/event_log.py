"""A log with a few events and a key to sign it, and ways to damage it that its triggers would refuse."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shanhai.audit.checkpoints import LogKey, origin_of
from shanhai.audit.database import open_database
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.audit.projection import project
from shanhai.audit.verify import Expected, Verified, verify_log

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
ORIGIN = origin_of("ab" * 32, 0)


def log_key(origin: str = ORIGIN) -> LogKey:
    """A new Ed25519 key of a log."""
    private = Ed25519PrivateKey.generate()
    return LogKey(origin, private.public_key().public_bytes_raw(), private.sign)


@dataclass(frozen=True)
class Books:
    """A log in a folder of its own."""

    home: Path
    connection: sqlite3.Connection
    key: LogKey

    @property
    def log(self) -> EventLog:
        return EventLog(self.connection)

    @property
    def folder(self) -> Path:
        return self.home / "audit"

    def add(self, count: int) -> None:
        """Append events and publish them."""
        self.connection.execute("BEGIN IMMEDIATE")
        for number in range(self.log.size, self.log.size + count):
            at = START + timedelta(minutes=number)
            self.log.append(happened("suspend", who="Chen Wei", at=at, pairing=f"{number:032x}"))
        self.connection.execute("COMMIT")
        project(self.connection, self.folder, self.key, [self.key.public])

    def damage(self, *statements: str) -> None:
        """Change the tables as somebody would who holds the file."""
        for trigger, _ in self.connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            self.connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            self.connection.execute(statement)


def books(home: Path, count: int = 0) -> Books:
    """A log of so many published events."""
    made = Books(home, open_database(home / "exchange" / "exchange.db"), log_key())
    if count:
        made.add(count)
    return made


def looked_at(kept: Books, **expected: Any) -> Verified:
    """What verifying a log finds."""
    return verify_log(kept.log, kept.folder, Expected(ORIGIN, [kept.key.public], **expected))


def wrong(kept: Books) -> set[tuple[str, int | None]]:
    """What is wrong with a log: code and event."""
    return {(one.code, one.leaf) for one in looked_at(kept).wrong}


def shown(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their paths."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }
