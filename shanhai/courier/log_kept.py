"""Whether the log of a home goes on from what was signed before: asked before anything is written there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shanhai.audit.checkpoints import origin_of, read_checkpoint
from shanhai.audit.database import FILE
from shanhai.audit.failures import EvidenceError
from shanhai.audit.log import EventLog
from shanhai.audit.projection import FOLDER as LOG_FOLDER
from shanhai.audit.projection import check_continues
from shanhai.audit.tiles import CHECKPOINT
from shanhai.keyring.keyring import FOLDER, Keyring


def check_kept(home: Path) -> None:
    """See that a home with keys has the database of its log: the keyset is an event of it.

    Raises:
        EvidenceError: `log-shortened`: it is gone, and a new one would begin a second log.
    """
    if Keyring(home / FOLDER).exists and not (home / FILE).is_file():
        raise _shortened(home)


def check_log(home: Path, connection: sqlite3.Connection) -> None:
    """See that the log has the event of its keys, and begins with what was signed last.

    Raises:
        EvidenceError: `log-shortened`, `consistency-proof-wrong`, or what is wrong with the checkpoint.
    """
    keyring, log = Keyring(home / FOLDER), EventLog(connection)
    if not keyring.exists:
        return
    if not log.size:
        raise _shortened(home)
    file = home / LOG_FOLDER / CHECKPOINT
    if not file.is_file():
        return
    # Read before the keys: another process may change them, and sign with the new one at once.
    note, keyset = file.read_bytes(), keyring.keyset()
    ever = (*keyring.log_keys(), *keyring.log_keys_taken_back())
    checkpoint = read_checkpoint(note, origin_of(keyset.node, keyset.generation), ever)
    if log.size < checkpoint.size:
        raise _shortened(home)
    check_continues(log, checkpoint)


def _shortened(home: Path) -> EvidenceError:
    return EvidenceError(
        "log-shortened",
        given=home / FILE,
        hint=f"put {FILE.parent}/ back whole, from a copy no older than {LOG_FOLDER}/{CHECKPOINT}; without "
        "one this node cannot go on: keep the home as it is, and pair anew from a new one",
    )
