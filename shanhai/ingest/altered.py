"""Whether the files of a table have the bytes that were committed, as far as a replay can mend them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net
from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.stage import GOOD
from shanhai.warehouse.lake import LakeTable


def is_altered(
    node: Node, table: LakeTable, books: Mapping[str, Net], delivery: DeliveryId, staging: Staging
) -> bool:
    """Whether a file of the table was cut off or is gone, or one that a delivery answers for was altered.

    It answers for the files that were written when it was loaded, decided or replayed, which are named from
    it, and for those of deliveries that are not in the table any more and so cannot be replayed.

    Args:
        books: of the table.
        staging: of the delivery; its files are in place, byte for byte.
    """
    if table.cut_files():
        return True
    others = {DeliveryId.parse(known).key for known, net in books.items() if net.verdict == "accepted"}
    others.discard(delivery.key)
    digests = table.digests()
    good = node.staging(delivery, staging.staging) / GOOD
    own = {name: digests[name] for name in table.files() if name in digests and _writer(name) not in others}
    return any(
        not _is_staged(table.path / name, good, digest == staging.good_sha256)
        and sha256_of(table.path / name) != digest
        for name, digest in own.items()
    )


def _writer(name: str) -> str:
    """The key of the delivery that a file was written for: `<key>-<number>-<random>[-rest].parquet`."""
    return name.removesuffix(".parquet").removesuffix("-rest").rsplit("-", 2)[0]


def _is_staged(file: Path, good: Path, alike: bool) -> bool:
    """Whether a file is another name for the staged one, whose bytes were looked at."""
    return alike and good.is_file() and file.samefile(good)
