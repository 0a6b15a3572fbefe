"""The whole log counted again: events, tree, tiles and checkpoint, each against the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from shanhai.audit import tiles
from shanhai.audit.checkpoints import Checkpoint
from shanhai.audit.events import leaf_of
from shanhai.audit.failures import EvidenceError
from shanhai.audit.log import Entry, EventLog
from shanhai.audit.projection import check_continues, hashes_of, leaves_of, published
from shanhai.audit.proofs import HASH_BYTES
from shanhai.audit.tree import grown


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong.

    Args:
        events: how many were read.
        erased: how many of them no longer say what happened.
        checkpoint: the newest, None when there is none.
        tail: events after the checkpoint, which only this node vouches for.
        wrong: empty when everything agrees.
    """

    events: int
    erased: int
    checkpoint: Checkpoint | None
    tail: int
    wrong: tuple[EvidenceError, ...]


def verify_log(log: EventLog, folder: Path, origin: str, publics: Collection[bytes]) -> Verified:
    """Read all events and all files again, and compare.

    Args:
        folder: with tiles and checkpoint.
        origin: the log that it must be.
        publics: the log keys of the node, 32 bytes each.
    """
    wrong: list[EvidenceError] = []
    entries = list(log.entries())
    wrong += _events(entries)
    wrong += _tree(log, entries)
    checkpoint = None
    try:
        checkpoint = published(folder, origin, publics)
        if checkpoint is not None:
            check_continues(log, checkpoint)
    except EvidenceError as error:
        wrong.append(error)
    if checkpoint is not None:
        wrong += _lost(entries, folder, checkpoint.size)
    if checkpoint is not None and checkpoint.size <= log.size:
        wrong += _files(log, folder, checkpoint.size)
    return Verified(
        events=len(entries),
        erased=sum(entry.document is None for entry in entries),
        checkpoint=checkpoint,
        tail=log.size - (checkpoint.size if checkpoint else 0),
        wrong=_once(wrong),
    )


def _events(entries: list[Entry]) -> Iterator[EvidenceError]:
    """Gaps, edited events, and events that are gone without an event that says so."""
    erasures: set[object] = set()
    for place, entry in enumerate(entries):
        before = entries[place - 1].leaf if place else -1
        for leaf in range(before + 1, entry.leaf):
            yield EvidenceError("entry-deleted", leaf=leaf)
        try:
            event = entry.event
        except EvidenceError as error:
            yield error
            continue
        if event is not None and event.kind == "erase":
            erasures.add(event.about["leaf"])
    for entry in entries:
        if entry.document is None and entry.leaf not in erasures:
            yield EvidenceError("entry-deleted", leaf=entry.leaf)


def _tree(log: EventLog, entries: list[Entry]) -> Iterator[EvidenceError]:
    """Stored hashes that are not those of the events, each named once by the first leaf below it."""
    known: dict[tuple[int, int], bytes] = {}
    for entry in entries:
        try:
            gained = grown(entry.leaf, leaf_of(entry.digest), lambda level, index: known[level, index])
        except KeyError:
            return
        for one in gained:
            known[one.level, one.index] = one.hash
            try:
                stored = log.subtree(one.level, one.index)
            except EvidenceError as error:
                yield error
                continue
            if stored != one.hash:
                code = "entry-edited" if one.level == 0 else "tree-differs"
                yield EvidenceError(code, leaf=one.index << one.level)


def _lost(entries: list[Entry], folder: Path, size: int) -> Iterator[EvidenceError]:
    """The first leaf that is not the published one: deleted when later ones moved up, else edited."""
    leaves = [leaf_of(entry.digest) for entry in entries]
    told = _published_leaves(folder, size)
    for place, leaf in enumerate(told[: len(leaves)]):
        if leaves[place] != leaf:
            missing = size - len(leaves)
            moved = missing > 0 and leaves[place:] == told[place + missing :]
            yield EvidenceError("entry-deleted" if moved else "entry-edited", leaf=place)
            return


def _published_leaves(folder: Path, size: int) -> list[bytes]:
    data = bytearray()
    for tile in tiles.tiles(size):
        if tile.level == 0 and (folder / tile.path).is_file():
            data += (folder / tile.path).read_bytes()
    return [bytes(data[start : start + HASH_BYTES]) for start in range(0, len(data), HASH_BYTES)]


def _files(log: EventLog, folder: Path, size: int) -> Iterator[EvidenceError]:
    """Tiles that are missing or not those of the log."""
    for tile in tiles.tiles(size):
        wanted = {tile.path: hashes_of}
        if tile.level == 0:
            wanted[tile.entries_path] = leaves_of
        for path, content in wanted.items():
            first = (tile.index * tiles.WIDTH) << (tiles.HEIGHT * tile.level)
            if not (folder / path).is_file():
                yield EvidenceError("tile-missing", leaf=first)
                continue
            try:
                same = (folder / path).read_bytes() == content(log, tile)
            except EvidenceError as error:
                yield error
                continue
            if not same:
                yield EvidenceError("tile-differs", leaf=first)


def _once(wrong: list[EvidenceError]) -> tuple[EvidenceError, ...]:
    return tuple({(one.code, one.leaf): one for one in wrong}.values())
