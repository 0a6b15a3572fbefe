"""Whether the table still has the bytes of a delivery: its file may be another name for that of staging."""

from __future__ import annotations

from pathlib import Path

from shanhai.ids import DeliveryId
from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.stage import GOOD
from shanhai.warehouse.lake import LakeTable


def is_altered(node: Node, table: LakeTable, delivery: DeliveryId, staging: Staging) -> bool:
    """Whether a file of the table was cut off or is gone, or the one with the rows of a delivery was altered.

    A file that holds all good rows of a delivery and nothing else was registered as staging wrote it. Files
    that were written again have no digest to be compared with.

    Args:
        staging: of the delivery; its files are in place.
    """
    if table.cut_files():
        return True
    good = node.staging(delivery, staging.staging) / GOOD
    rows = table.files()
    own = [table.path / name for name in rows if name.startswith(delivery.key)]
    return any(
        _is_another(file, good, staging.good_sha256) for file in own if rows[file.name] == staging.good
    )


def _is_another(file: Path, good: Path, digest: str | None) -> bool:
    """Whether a file that may have been a copy of the good one is none any more."""
    if not good.is_file() or file.samefile(good) or file.stat().st_size != good.stat().st_size:
        return False
    return sha256_of(file) != digest
