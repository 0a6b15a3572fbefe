"""What the ledger and the quarantine table make of a dataset's commits."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.files import gone_if_it_fails, sha256_of
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.refused_rows import require_refused_rows
from shanhai.warehouse.lake import Change, LakeTable, exists
from shanhai.warehouse.log import Commit

if TYPE_CHECKING:
    import pyarrow as pa

LEDGER = "ledger"
QUARANTINE = "quarantine"

_NOT_IN_THE_LEDGER = {
    "idempotency_key",
    "contract_digest",
    "waivers",
    "quarantine_file",
    "quarantine_sha256",
}


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
            pa.field("scope", pa.list_(pa.string())),
            pa.field("staging", pa.string()),
            pa.field("table_version", pa.int64()),
            pa.field("entry", pa.int64()),
            pa.field("at", pa.timestamp("us", tz="UTC")),
        ]
    )


def quarantine_schema() -> pa.Schema:
    """The quarantine: one row per row that broke a rule; those that were released are good all the same.

    `raw` may hold personal values and goes nowhere else.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("delivery", pa.string()),
            pa.field("district", pa.string()),
            pa.field("dataset", pa.string()),
            pa.field("body", pa.string()),
            pa.field("position", pa.int64()),
            pa.field("reasons", pa.list_(pa.string())),
            pa.field("released", pa.bool_()),
            pa.field("raw", pa.string()),
            pa.field("contract_version", pa.string()),
        ]
    )


def ledger_change(node: Node, dataset: DatasetId, commits: list[Commit], books: LakeTable) -> Change:
    """One line per entry of the commits, in one new file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = [_line(dataset, commit, place, entry) for commit in commits for place, entry in _entries(commit)]
    if not lines:
        return Change()
    name = f"{dataset}-{commits[-1].version}-{secrets.token_hex(4)}.parquet"
    with gone_if_it_fails(books.path, name):
        table = pa.Table.from_pylist(lines, schema=ledger_schema())
        pq.write_table(table, books.path / name, compression="zstd")
        (books.path / name).chmod(0o600)
    return Change(add={name: len(lines)})


def quarantine_change(node: Node, dataset: DatasetId, commits: list[Commit], books: LakeTable) -> Change:
    """One file per delivery: the one that staging wrote, in the place of an earlier one of the delivery.

    Raises:
        DamagedError: a file is missing or differs from the digest in the commit, and cannot be made again.
    """
    latest: dict[str, Entry] = {}
    for commit in commits:
        latest.update({entry.delivery: entry for _, entry in _entries(commit) if entry.staging})
    present = books.files()
    add: dict[str, int] = {}
    digests: dict[str, str] = {}
    remove: list[str] = []
    for delivery, entry in latest.items():
        key = DeliveryId.parse(delivery).key
        remove += [name for name in present if name.startswith(key) and name != entry.quarantine_file]
        if entry.quarantine_file is not None and entry.quarantine_file not in present:
            require_refused_rows(node, entry)
            add |= _placed(node.quarantine / entry.quarantine_file, books.path)
            digests[entry.quarantine_file] = str(entry.quarantine_sha256)
    return Change(add=add, remove=tuple(remove), digests=digests)


def mend_quarantine(node: Node, staging: Staging) -> bool:
    """Replace the quarantine table's file of a staging if its bytes are others; whether they were.

    The table stays as it is: the file gets the content back that its log was written for.
    """
    name, books = staging.quarantine_file, node.books(QUARANTINE)
    if name is None or not exists(books) or name not in LakeTable.open(books).files():
        return False
    target = books / name
    if target.is_file() and sha256_of(target) == staging.quarantine_sha256:
        return False
    _put(node.quarantine / name, target)
    return True


def _entries(commit: Commit) -> Iterator[tuple[int, Entry]]:
    for place, line in enumerate(commit.facts.get("entries", ())):
        yield place, Entry.model_validate(line)


def _line(dataset: DatasetId, commit: Commit, place: int, entry: Entry) -> dict[str, Any]:
    delivery = DeliveryId.parse(entry.delivery)
    return {
        **entry.model_dump(exclude=_NOT_IN_THE_LEDGER),
        "district": dataset.district,
        "dataset": dataset.name,
        "partition": delivery.partition,
        "snapshot_sha256": delivery.snapshot,
        "table_version": commit.version,
        "entry": place,
        "at": commit.at,
    }


def _placed(file: Path, folder: Path) -> dict[str, int]:
    """Give the staged file a second name in the table's folder."""
    import pyarrow.parquet as pq

    target = folder / file.name
    _put(file, target)
    return {target.name: int(pq.read_metadata(target).num_rows)}


def _put(file: Path, target: Path) -> None:
    """A second name for the same bytes where possible, else a copy; who reads it meanwhile sees it whole.

    Another process may have committed the same file already.
    """
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.link(file, fresh)
        except OSError:
            shutil.copyfile(file, fresh)
            fresh.chmod(0o600)
        fresh.replace(target)
    finally:
        # Two names of one file stay two when one is renamed to the other.
        fresh.unlink(missing_ok=True)
