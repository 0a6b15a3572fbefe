"""The tables of the exchange: one SQLite file, so that a number, its bytes and its event are one change."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shanhai.audit.database import FILE, open_database, transaction
from shanhai.courier.log_kept import check_kept, check_log
from shanhai.errors import ConfigurationError

_FIRST = (
    """
    CREATE TABLE partner (
        pairing TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        node TEXT,
        state TEXT NOT NULL,
        offer BLOB NOT NULL,
        document BLOB,
        keyset BLOB,
        relay TEXT NOT NULL,
        folder_out TEXT NOT NULL,
        folder_in TEXT NOT NULL,
        generation_in INTEGER NOT NULL DEFAULT 0,
        next_seq_in INTEGER NOT NULL DEFAULT 0,
        last_in TEXT,
        generation_out INTEGER NOT NULL DEFAULT 0,
        next_seq_out INTEGER NOT NULL DEFAULT 0,
        last_out TEXT,
        acked_generation INTEGER,
        acked_seq INTEGER,
        acked_digest TEXT,
        frozen TEXT,
        heard TEXT,
        told_keyset INTEGER NOT NULL DEFAULT 0,
        CHECK ((next_seq_in = 0) = (last_in IS NULL)),
        CHECK ((next_seq_out = 0) = (last_out IS NULL))
    ) STRICT
    """,
    # A partner that left may be paired anew under the name that it had.
    "CREATE UNIQUE INDEX partner_name ON partner (name) WHERE state <> 'ended'",
    """
    CREATE TABLE partner_keyset (
        pairing TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        envelope BLOB NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (pairing, version)
    ) STRICT
    """,
    """
    CREATE TABLE grant_ (
        id TEXT NOT NULL,
        rev INTEGER NOT NULL,
        pairing TEXT NOT NULL,
        direction TEXT NOT NULL CHECK (direction IN ('given', 'received')),
        body BLOB NOT NULL,
        revoked INTEGER NOT NULL CHECK (revoked IN (0, 1)),
        at TEXT NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (direction, id, rev)
    ) STRICT
    """,
    """
    CREATE TABLE sealed_set (
        set_id TEXT NOT NULL PRIMARY KEY,
        subject TEXT,
        version TEXT,
        shape TEXT,
        statement BLOB,
        statement_digest TEXT UNIQUE,
        facts BLOB,
        state TEXT NOT NULL CHECK (state IN ('writing', 'sealed', 'retired')),
        at TEXT
    ) STRICT
    """,
    """
    CREATE TABLE set_file (
        set_id TEXT NOT NULL,
        name TEXT NOT NULL,
        size INTEGER,
        uploaded_to TEXT,
        PRIMARY KEY (set_id, name)
    ) STRICT
    """,
    """
    CREATE TABLE outbox (
        digest TEXT NOT NULL PRIMARY KEY,
        pairing TEXT NOT NULL,
        generation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        set_id TEXT,
        envelope BLOB NOT NULL,
        issued TEXT NOT NULL,
        not_after TEXT,
        uploaded TEXT,
        settled TEXT,
        outcome TEXT,
        code TEXT,
        UNIQUE (pairing, generation, seq)
    ) STRICT
    """,
    """
    CREATE TABLE inbox (
        digest TEXT NOT NULL PRIMARY KEY,
        pairing TEXT NOT NULL,
        generation INTEGER,
        seq INTEGER,
        type TEXT,
        envelope BLOB,
        statement BLOB,
        received TEXT,
        keyset_digest TEXT,
        state TEXT NOT NULL CHECK (state IN ('opening', 'opened', 'admitted', 'refused', 'taken')),
        code TEXT,
        stage TEXT,
        subject TEXT,
        version TEXT,
        opened_file TEXT,
        opened_sha256 TEXT,
        delivery TEXT,
        body BLOB
    ) STRICT
    """,
    "CREATE INDEX inbox_order ON inbox (pairing, generation, seq)",
    """
    CREATE TABLE fork (
        digest TEXT NOT NULL PRIMARY KEY,
        pairing TEXT NOT NULL,
        generation INTEGER,
        seq INTEGER,
        envelope BLOB,
        at TEXT
    ) STRICT
    """,
    """
    CREATE TABLE waiting (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        about TEXT NOT NULL,
        since TEXT NOT NULL,
        done TEXT,
        who TEXT
    ) STRICT
    """,
    "CREATE UNIQUE INDEX waiting_once ON waiting (kind, about) WHERE done IS NULL",
    """
    CREATE TABLE release_ (
        id TEXT NOT NULL PRIMARY KEY,
        pairing TEXT,
        subject TEXT,
        version TEXT,
        shape TEXT,
        grant_id TEXT,
        grant_rev INTEGER,
        set_id TEXT,
        message TEXT,
        decision BLOB,
        counts BLOB,
        who TEXT,
        approver TEXT,
        at TEXT
    ) STRICT
    """,
)

_SECOND = (
    "ALTER TABLE inbox ADD COLUMN executable TEXT",
    """
    CREATE TABLE adoption (
        id INTEGER PRIMARY KEY,
        folder TEXT NOT NULL,
        message TEXT,
        document BLOB NOT NULL,
        done TEXT
    ) STRICT
    """,
    "CREATE INDEX adoption_order ON adoption (folder, id)",
)

_THIRD = (
    "ALTER TABLE outbox ADD COLUMN begun TEXT",
    "ALTER TABLE outbox ADD COLUMN content BLOB",
    # Nobody noted until now that an upload begins: whatever is there may have been seen.
    "UPDATE outbox SET begun = coalesce(uploaded, issued)",
    "CREATE INDEX release_message ON release_ (message)",
)

_FOURTH = ("CREATE TABLE listing (message TEXT NOT NULL PRIMARY KEY, document BLOB NOT NULL) STRICT",)

_VERSIONS = (_FIRST, _SECOND, _THIRD, _FOURTH)
"""The statements that lead from each version of the tables to the next. What is here is never changed."""


def open_state(home: Path) -> sqlite3.Connection:
    """A connection to the state of the exchange in a home, as `open_database` gives it, with all tables.

    Nothing is written where the log in it does not go on from what this node signed.

    Raises:
        LogUnwritableError: it cannot be opened or written.
        ConfigurationError: a newer Shanhai wrote it.
        EvidenceError: as `check_kept` and `check_log`.
    """
    check_kept(home)
    connection = open_database(home / FILE)
    try:
        check_log(home, connection)
        if _version(connection) != len(_VERSIONS):
            _bring_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        # Asked again: another process may have done it meanwhile.
        version = _version(connection)
        if version > len(_VERSIONS):
            raise ConfigurationError(
                "the state of the exchange was written by a newer Shanhai",
                given=f"version {version}",
                allowed=f"up to {len(_VERSIONS)}",
                hint="install the newer one again",
            )
        for statements in _VERSIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_VERSIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
