"""The whole log counted again: events, tree, tiles and checkpoint, each against the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from shanhai.audit import tiles
from shanhai.audit.checkpoints import Checkpoint, read_checkpoint
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


@dataclass(frozen=True)
class Expected:
    """What a log must be.

    Args:
        origin: its name.
        publics: the log keys of the node that are believed, 32 bytes each.
        taken_back: log keys that were compromised: what they signed before is compared, and proves nothing.
        events: how many there are at least; a node that has keys has logged that.
    """

    origin: str
    publics: Collection[bytes]
    taken_back: Collection[bytes] = ()
    events: int = 0


def verify_log(log: EventLog, folder: Path, expected: Expected) -> Verified:
    """Read all events and all files again, and compare. Nobody may write meanwhile.

    Args:
        folder: with tiles and checkpoint.

    Raises:
        LogUnwritableError: the database is not to be had.
    """
    try:
        with log.held():
            return _verified(log, folder, expected) if log.is_whole() else _nothing_but("database-damaged")
    except EvidenceError as error:
        if error.code != "database-damaged":
            raise
        return _nothing_but(error.code)


def verify_without_database(folder: Path, expected: Expected) -> Verified:
    """A home without the database of the log: all right where nothing was ever logged, and nowhere else."""
    left = expected.events or any((folder / name).exists() for name in (tiles.CHECKPOINT, "tile"))
    return _nothing_but("log-shortened") if left else Verified(0, 0, None, 0, ())


def _nothing_but(code: str) -> Verified:
    return Verified(0, 0, None, 0, (EvidenceError(code),))


def _verified(log: EventLog, folder: Path, expected: Expected) -> Verified:
    counted = _Recount(log)
    for entry in log.entries():
        counted.take(entry)
    wrong = [*counted.wrong, *counted.emptied()]
    if len(counted.leaves) < expected.events:
        wrong.append(EvidenceError("log-shortened"))
    checkpoint = None
    try:
        checkpoint = published(folder, expected.origin, expected.publics)
        if checkpoint is not None:
            check_continues(log, checkpoint)
    except EvidenceError as error:
        wrong.append(error)
    else:
        wrong += _kept(log, checkpoint, expected)
    if checkpoint is not None:
        wrong += _lost(counted.leaves, folder, checkpoint.size)
    if checkpoint is not None and checkpoint.size <= log.size:
        wrong += _files(log, folder, checkpoint.size)
        wrong += _older(log, folder)
    return Verified(
        events=len(counted.leaves),
        erased=len(counted.empty),
        checkpoint=checkpoint,
        tail=log.size - (checkpoint.size if checkpoint else 0),
        wrong=tuple({(one.code, one.leaf): one for one in wrong}.values()),
    )


def _kept(log: EventLog, newest: Checkpoint | None, expected: Expected) -> Iterator[EvidenceError]:
    """Checkpoints that the log does not continue, or of which the files know nothing."""
    last = -1
    for note in log.kept():
        try:
            found = read_checkpoint(note, expected.origin, [*expected.publics, *expected.taken_back])
            check_continues(log, found)
        except EvidenceError as error:
            yield error
        else:
            last = max(last, found.size)
    if last > (newest.size if newest else -1):
        yield EvidenceError("checkpoint-missing")


class _Recount:
    """The events in their order, and the tree over them computed anew; of both, only hashes are kept."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._edge: dict[tuple[int, int], bytes] | None = {}
        self._erasures: set[object] = set()
        self._next = 0
        self.leaves: list[bytes] = []
        self.empty: list[int] = []
        self.wrong: list[EvidenceError] = []

    def take(self, entry: Entry) -> None:
        """Look at one event and at every subtree that it completes."""
        self.wrong += (EvidenceError("entry-deleted", leaf=leaf) for leaf in range(self._next, entry.leaf))
        if entry.leaf != self._next:
            # Nothing to the right of a gap can be computed.
            self._edge = None
        self._next = entry.leaf + 1
        self.leaves.append(leaf_of(entry.digest))
        if entry.document is None:
            self.empty.append(entry.leaf)
        try:
            event = entry.event
        except EvidenceError as error:
            self.wrong.append(error)
        else:
            if event is not None and event.kind == "erase":
                self._erasures.add(event.about["leaf"])
        if self._edge is not None:
            self._complete(self._edge, entry.leaf)

    def emptied(self) -> Iterator[EvidenceError]:
        """Events that are gone without an event that says so."""
        return (
            EvidenceError("entry-deleted", leaf=leaf) for leaf in self.empty if leaf not in self._erasures
        )

    def _complete(self, edge: dict[tuple[int, int], bytes], leaf: int) -> None:
        for one in grown(leaf, self.leaves[-1], lambda level, index: edge.pop((level, index))):
            last = one
            try:
                if self._log.subtree(one.level, one.index) != one.hash:
                    code = "tree-differs" if one.level else "entry-edited"
                    self.wrong.append(EvidenceError(code, leaf=one.index << one.level))
            except EvidenceError as error:
                self.wrong.append(error)
        edge[last.level, last.index] = last.hash


def _lost(leaves: list[bytes], folder: Path, size: int) -> Iterator[EvidenceError]:
    """The first leaf that is not the published one: deleted when later ones moved up, else edited."""
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
            if not (folder / path).is_file():
                yield EvidenceError("tile-missing", leaf=tile.first)
            else:
                yield from _compared(log, folder / path, tile, content)


def _older(log: EventLog, folder: Path) -> Iterator[EvidenceError]:
    """Partial tiles of the log when it was smaller, which who has an older checkpoint may still ask for."""
    for file in sorted((folder / "tile").rglob("*.p/*")):
        path = file.relative_to(folder).as_posix()
        tile = tiles.partial_at(path)
        if tile is not None and tile.end > log.size:
            yield EvidenceError("tile-differs", leaf=tile.first)
        elif tile is not None:
            yield from _compared(log, file, tile, hashes_of if path == tile.path else leaves_of)


def _compared(
    log: EventLog, file: Path, tile: tiles.Tile, content: Callable[[EventLog, tiles.Tile], bytes]
) -> Iterator[EvidenceError]:
    try:
        same = file.read_bytes() == content(log, tile)
    except EvidenceError as error:
        yield error
        return
    if not same:
        yield EvidenceError("tile-differs", leaf=tile.first)
