"""Redact: the quarantine file of a delivery without the text of its rows; reasons and positions stay."""

from __future__ import annotations

import os
from pathlib import Path

from shanhai.contracts.sql import quote_literal
from shanhai.errors import StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.session import duckdb_session


def redacted(node: Node, delivery: DeliveryId, staged: Entry) -> Entry:
    """Write the file that takes the place of the one that an entry names, which is left as it is.

    Returns:
        The entry with name and digest of the new file.

    Raises:
        StoreError: the file is not the one that was committed, or the home cannot be written.
    """
    if staged.quarantine_file is None:
        return staged
    name = f"{delivery.key}-{staged.staging}-purged.parquet"
    source, target = node.quarantine / staged.quarantine_file, node.quarantine / name
    if not source.is_file() or sha256_of(source) != staged.quarantine_sha256:
        raise StoreError(
            "the quarantine file is not the one that was committed",
            given=source.name,
            allowed=staged.quarantine_sha256,
            hint="restore the file from a copy of the home",
        )
    with disk_errors(node.quarantine):
        _write(node, source, target)
    return staged.model_copy(update={"quarantine_file": name, "quarantine_sha256": sha256_of(target)})


def _write(node: Node, source: Path, target: Path) -> None:
    fresh = target.with_suffix(".part")
    with duckdb_session(node.settings) as con:
        con.execute(
            f"COPY (SELECT * REPLACE (NULL::VARCHAR AS raw) FROM read_parquet({quote_literal(str(source))})) "
            f"TO {quote_literal(str(fresh))} (FORMAT parquet, COMPRESSION zstd)"
        )
    fresh.chmod(0o600)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.replace(target)
