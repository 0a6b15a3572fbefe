"""Redact: the quarantine file of a delivery without the text of its rows; reasons and positions stay."""

from __future__ import annotations

import secrets
from pathlib import Path

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.files import gone_if_it_fails, sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.refused_rows import require_refused_rows
from shanhai.storage.disk import disk_errors
from shanhai.storage.durable import sync_file
from shanhai.warehouse.session import duckdb_session


def redacted(node: Node, delivery: DeliveryId, staged: Entry) -> Entry:
    """Write the file that takes the place of the one that an entry names, which is left as it is.

    Returns:
        The entry with name and digest of the new file.

    Raises:
        StoreError: the file is lost or altered and cannot be made again, or the home cannot be written.
    """
    if staged.quarantine_file is None:
        return staged
    require_refused_rows(node, staged)
    source = node.quarantine / staged.quarantine_file
    stem = f"{delivery.key}-{staged.staging}"
    fresh = node.quarantine / f"{stem}-{secrets.token_hex(4)}.part"
    with disk_errors(node.quarantine), gone_if_it_fails(node.quarantine, fresh.stem):
        _write(node, source, fresh)
        digest = sha256_of(fresh)
        name = f"{stem}-{digest[:8]}.parquet"
        fresh.replace(node.quarantine / name)
    return staged.model_copy(update={"quarantine_file": name, "quarantine_sha256": digest})


def _write(node: Node, source: Path, target: Path) -> None:
    with duckdb_session(node.settings) as con:
        con.execute(
            f"COPY (SELECT * REPLACE (NULL::VARCHAR AS raw) FROM read_parquet({quote_literal(str(source))})) "
            f"TO {quote_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
        )
    target.chmod(0o600)
    sync_file(target)
