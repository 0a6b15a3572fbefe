"""Erase: remove the files that purged deliveries no longer have, whatever an earlier attempt left of them."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Net, entries, table_net
from shanhai.ingest.files import in_turn
from shanhai.ingest.node import Node
from shanhai.ingest.projections import QUARANTINE
from shanhai.ingest.retention import Standing
from shanhai.ingest.sidecar import Sidecar, body_key
from shanhai.ingest.stage import GOOD
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.lake import LakeTable, exists

_NOT_IN_THE_LAKE = ("refused", "withdrawn")


@dataclass
class Erased:
    """How many files are gone, and how many bytes that freed: a file of two names is gone with the second."""

    files: int = 0
    size: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(self.files + other.files, self.size + other.size)

    def remove(self, file: Path) -> None:
        """Remove a file that may be gone already."""
        if file.is_file():
            found = file.stat()
            self.files, self.size = self.files + 1, self.size + (found.st_size if found.st_nlink == 1 else 0)
            file.unlink(missing_ok=True)


def erase(node: Node, dataset: DatasetId) -> Erased:
    """Remove what the purged deliveries of a dataset left in the home, but for the bytes of their bodies.

    The books must have been brought up to the commits: the quarantine table must not name what goes.

    Raises:
        StoreError: the home cannot be written.
    """
    found = Erased()
    if not exists(node.table(dataset)):
        return found
    table = LakeTable.open(node.table(dataset))
    named: dict[str, set[str]] = defaultdict(set)
    for _, entry in entries(table):
        named[entry.delivery].add(entry.staging)
    for name, net in table_net(table).items():
        if net.purged:
            with disk_errors(node.home):
                _erase(node, DeliveryId.parse(name), net, named[name], found)
    return found


def _erase(node: Node, delivery: DeliveryId, net: Net, named: Collection[str], found: Erased) -> None:
    if "quarantine" in net.purged:
        keep = net.staged.quarantine_file if net.staged else None
        for room in (node.quarantine, node.books(QUARANTINE)):
            # A file that is being placed has a name of its own, which begins with a dot.
            for file in (*room.glob(f"{delivery.key}-*"), *room.glob(f".{delivery.key}-*")):
                if file.name != keep:
                    found.remove(file)
    if node.staged(delivery).is_dir():
        with in_turn(node.staged(delivery)):
            _erase_stagings(node, delivery, net, named, found)


def _erase_stagings(
    node: Node, delivery: DeliveryId, net: Net, named: Collection[str], found: Erased
) -> None:
    """Of the staging in the books the records stay, and good rows that the lake may need again; of others
    that the books name the records alone."""
    rows_stay = not ("snapshot" in net.purged and net.verdict in _NOT_IN_THE_LAKE)
    for folder in node.staged(delivery).iterdir():
        kept = {"staging.json", "validation.json"} if folder.name in named else set()
        if folder.name == net.staging and rows_stay:
            kept.add(GOOD)
        for file in folder.rglob("*"):
            if file.parent != folder or file.name not in kept:
                found.remove(file)
        for emptied in [folder] if not kept else [one for one in folder.iterdir() if one.is_dir()]:
            shutil.rmtree(emptied)


def without_bytes(standings: Iterable[Standing]) -> set[str]:
    """The deliveries that may have no bytes, since the books say so and no row of them has come back."""
    return {str(one.delivery) for one in standings if "snapshot" in one.purged and not one.rests}


def bodies_that_go(sidecars: Iterable[Sidecar], purged: Collection[str]) -> dict[str, int]:
    """Digest and size of the bodies that purged deliveries have and no other one has."""
    going: dict[str, int] = {}
    staying: set[str] = set()
    for sidecar in sidecars:
        sizes = {body.sha256: body.size for body in sidecar.bodies}
        if sidecar.delivery in purged:
            going |= sizes
        else:
            staying |= sizes.keys()
    return {digest: size for digest, size in going.items() if digest not in staying}


def erase_bodies(node: Node, bodies: dict[str, int]) -> Erased:
    """Remove the bytes of bodies; those that are gone already count for nothing.

    Raises:
        StoreError: the store failed; what is left goes with the next purge.
    """
    found = Erased()
    for digest, size in bodies.items():
        if node.snapshots.exists(body_key(digest)):
            node.snapshots.delete(body_key(digest))
            found += Erased(1, size)
    return found
