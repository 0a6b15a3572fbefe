"""The log as files that anybody can read: tiles, the data of leaves, and the newest checkpoint, last."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection
from pathlib import Path

from shanhai.audit import tiles
from shanhai.audit.checkpoints import Checkpoint, LogKey, read_checkpoint
from shanhai.audit.database import transaction
from shanhai.audit.events import leaf_data
from shanhai.audit.failures import EvidenceError
from shanhai.audit.log import EventLog
from shanhai.storage.durable import write_durably

FOLDER = "audit"
"""Where the files lie in a home."""


def project(
    connection: sqlite3.Connection, folder: Path, key: LogKey, publics: Collection[bytes]
) -> Checkpoint:
    """Bring the files up to the committed events, and sign a checkpoint when there are new ones.

    May be called again at any time, and after it was killed anywhere: files follow from the events, and the
    checkpoint is written after all that it needs. Holds the database, so that two never write at once.

    Args:
        connection: with no transaction open.
        folder: of the log, usually `audit/` of the home.
        key: signs the checkpoint.
        publics: all log keys that the node ever had for this origin, that of `key` among them.

    Raises:
        EvidenceError: `log-shortened` or `consistency-proof-wrong`: the log does not continue the checkpoint
            that it signed last, and therefore must not sign another; or that checkpoint is not ours.
        LogUnwritableError: the database is not to be had.
        StoreError: the folder cannot be written.
    """
    log = EventLog(connection)
    with transaction(connection):
        before = published(folder, key.origin, publics)
        size = log.size
        if before is not None:
            check_continues(log, before)
        known = before.size if before else 0
        for tile in tiles.tiles(size):
            _write(log, folder, tile, known)
        if before is not None:
            # A kill may have come between the file and the end of the transaction.
            log.keep(before.size, (folder / tiles.CHECKPOINT).read_bytes())
        if before is not None and before.size == size and _is_by(folder, key):
            return before
        note = log.checkpoint(key)
        log.keep(size, note)
        write_durably(folder / tiles.CHECKPOINT, note)
    _sweep(folder, size)
    return read_checkpoint(note, key.origin, publics)


def published(folder: Path, origin: str, publics: Collection[bytes]) -> Checkpoint | None:
    """The checkpoint that was signed last, verified; None before the first.

    Raises:
        EvidenceError: it is damaged, of another log, or signed by none of the keys.
    """
    file = folder / tiles.CHECKPOINT
    return read_checkpoint(file.read_bytes(), origin, publics) if file.is_file() else None


def check_continues(log: EventLog, checkpoint: Checkpoint) -> None:
    """See that the log begins with what it once signed.

    Raises:
        EvidenceError: `log-shortened`, `consistency-proof-wrong`.
    """
    if log.size < checkpoint.size:
        raise EvidenceError("log-shortened")
    if log.root(checkpoint.size) != checkpoint.root:
        raise EvidenceError("consistency-proof-wrong")


def _is_by(folder: Path, key: LogKey) -> bool:
    """Whether the newest checkpoint is by this key: one that was taken back proves nothing to anybody."""
    try:
        return published(folder, key.origin, [key.public]) is not None
    except EvidenceError:
        return False


def hashes_of(log: EventLog, tile: tiles.Tile) -> bytes:
    """What belongs into a tile."""
    return b"".join(log.subtree(level, index) for level, index in tile.subtrees)


def leaves_of(log: EventLog, tile: tiles.Tile) -> bytes:
    """What belongs beside a tile of level 0: the data of its leaves."""
    first = tile.index * tiles.WIDTH
    return tiles.bundle([leaf_data(entry.digest) for entry in log.entries(first, first + tile.width)])


def _write(log: EventLog, folder: Path, tile: tiles.Tile, known: int) -> None:
    """Write a tile that the last checkpoint did not need, or that is gone."""
    new = tile.end > known
    if new or not (folder / tile.path).is_file():
        write_durably(folder / tile.path, hashes_of(log, tile))
    if tile.level == 0 and (new or not (folder / tile.entries_path).is_file()):
        write_durably(folder / tile.entries_path, leaves_of(log, tile))


def _sweep(folder: Path, size: int) -> None:
    """Remove partial tiles whose full ones are there, which the specification allows."""
    for tile in tiles.tiles(size):
        if tile.width == tiles.WIDTH:
            for path in (tile.path, tile.entries_path) if tile.level == 0 else (tile.path,):
                shutil.rmtree(folder / f"{path}.p", ignore_errors=True)
