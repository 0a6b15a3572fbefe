"""Reconcile: bring the ledger and the quarantine table up to the commits that are the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.errors import BusyError, StoreError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.files import sha256_of
from shanhai.ingest.node import Node
from shanhai.warehouse import lake
from shanhai.warehouse.lake import Change, Commit, LakeTable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

LEDGER = "ledger"
QUARANTINE = "quarantine"
_ATTEMPTS = 12

Projection = Callable[[Node, DatasetId, list[Commit]], "pa.Table"]


def reconcile(node: Node) -> int:
    """Project every commit that the books do not have yet; returns the number of ledger lines added.

    Each projection records, per dataset, the Delta version it has reached as an application transaction
    in the same commit as the lines: done twice, or killed anywhere and done again, it adds each line once.

    Raises:
        RetryableError: a table cannot be read or written.
    """
    added = 0
    for name, schema, project in (
        (LEDGER, ledger_schema(), _ledger_lines),
        (QUARANTINE, quarantine_schema(), _quarantine_lines),
    ):
        books = LakeTable.create(node.books(name), schema, name=name)
        for dataset in node.federation.datasets:
            lines = _project(node, books.path, dataset, project)
            added += lines if name == LEDGER else 0
    return added


def _project(node: Node, path: Path, dataset: DatasetId, project: Projection) -> int:
    if not lake.exists(node.table(dataset)):
        return 0
    table = LakeTable.open(node.table(dataset))
    for tried in range(_ATTEMPTS):
        books = LakeTable.open(path)
        reached = books.transaction(str(dataset))
        if reached >= table.version:
            return 0
        commits = table.commits(after=reached)
        lines = project(node, dataset, commits)
        name = f"{dataset}-{reached}-{table.version}.parquet"
        try:
            books.commit(
                Change(
                    add={name: _write(lines, path / name)} if lines.num_rows else {},
                    transactions={str(dataset): table.version},
                    facts={"projected": str(dataset), "to_version": table.version},
                ),
                at=node.clock(),
            )
        except BusyError:
            if tried == _ATTEMPTS - 1:
                raise
            continue
        log.info("reconcile table=%s dataset=%s version=%d", path.name, dataset, table.version)
        return int(lines.num_rows)
    return 0


def ledger_schema() -> pa.Schema:
    """The ledger: one row per entry, counts as signed differences, `at` in UTC."""
    import pyarrow as pa

    texts = ("delivery", "kind", "district", "dataset", "partition", "snapshot_sha256", "contract_version")
    counts = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")
    return pa.schema(
        [
            *(pa.field(name, pa.string()) for name in texts),
            *(pa.field(name, pa.int64()) for name in counts),
            *(pa.field(name, pa.string()) for name in ("verdict", "reason", "decided_by", "cause")),
            pa.field("table_version", pa.int64()),
            pa.field("entry", pa.int64()),
            pa.field("at", pa.timestamp("us", tz="UTC")),
        ]
    )


def quarantine_schema() -> pa.Schema:
    """The quarantine: one row per refused row. `raw` may hold personal values and goes nowhere else."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("delivery", pa.string()),
            pa.field("district", pa.string()),
            pa.field("dataset", pa.string()),
            pa.field("body", pa.string()),
            pa.field("position", pa.int64()),
            pa.field("reasons", pa.list_(pa.string())),
            pa.field("raw", pa.string()),
            pa.field("contract_version", pa.string()),
        ]
    )


def _ledger_lines(node: Node, dataset: DatasetId, commits: list[Commit]) -> pa.Table:
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for commit in commits:
        at = datetime.fromtimestamp(commit.timestamp / 1000, UTC)
        for place, line in enumerate(commit.facts.get("entries", ())):
            entry = Entry.model_validate(line)
            delivery = DeliveryId.parse(entry.delivery)
            rows.append(
                {
                    **entry.model_dump(exclude={"quarantine_file", "quarantine_sha256"}),
                    "district": dataset.district,
                    "dataset": dataset.name,
                    "partition": delivery.partition,
                    "snapshot_sha256": delivery.snapshot,
                    "table_version": commit.version,
                    "entry": place,
                    "at": at,
                }
            )
    return pa.Table.from_pylist(rows, schema=ledger_schema())


def _quarantine_lines(node: Node, dataset: DatasetId, commits: list[Commit]) -> pa.Table:
    """The quarantined rows of deliveries whose first entry is among `commits`, from their files.

    Raises:
        StoreError: a file is missing or differs from the digest in the commit.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [pa.Table.from_pylist([], schema=quarantine_schema())]
    for commit in commits:
        for line in commit.facts.get("entries", ()):
            entry = Entry.model_validate(line)
            if entry.quarantined <= 0 or entry.quarantine_file is None:
                continue
            file = node.quarantine / entry.quarantine_file
            if not file.is_file() or sha256_of(file) != entry.quarantine_sha256:
                raise StoreError(
                    "the quarantine file is not the one that was committed",
                    given=file.name,
                    allowed=entry.quarantine_sha256,
                    hint="restore the file, or stage the delivery again",
                )
            tables.append(pq.read_table(file).cast(quarantine_schema()))
    return pa.concat_tables(tables)


def _write(lines: pa.Table, target: Path) -> int:
    import pyarrow.parquet as pq

    pq.write_table(lines, target, compression="zstd")
    target.chmod(0o600)
    return int(lines.num_rows)
