"""Reconcile: bring the ledger and the quarantine table up to the commits that are the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from shanhai.errors import BusyError
from shanhai.ids import DatasetId
from shanhai.ingest.node import Node
from shanhai.ingest.projections import (
    LEDGER,
    QUARANTINE,
    ledger_change,
    ledger_schema,
    quarantine_change,
    quarantine_schema,
)
from shanhai.warehouse import lake
from shanhai.warehouse.lake import Change, Commit, LakeTable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_ATTEMPTS = 12

Projection = Callable[[Node, DatasetId, list[Commit], LakeTable], Change]


def reconcile(node: Node) -> int:
    """Project every commit that the books do not have yet; returns how many commits of ours there were.

    Each projection records, per dataset, the Delta version it has reached as an application transaction
    in the same commit as the lines: done twice, or killed anywhere and done again, it adds each line once.

    Raises:
        RetryableError: a table cannot be read or written.
    """
    projections: tuple[tuple[str, pa.Schema, Projection], ...] = (
        (LEDGER, ledger_schema(), ledger_change),
        (QUARANTINE, quarantine_schema(), quarantine_change),
    )
    seen = 0
    for name, schema, project in projections:
        path = node.books(name)
        LakeTable.create(path, schema, name=name)
        counts = [_catch_up(node, name, dataset, project) for dataset in node.federation.datasets]
        seen = max(seen, sum(counts))
    return seen


def _catch_up(node: Node, name: str, dataset: DatasetId, project: Projection) -> int:
    if not lake.exists(node.table(dataset)):
        return 0
    table = LakeTable.open(node.table(dataset))
    for tried in range(_ATTEMPTS):
        books = LakeTable.open(node.books(name))
        reached = books.transaction(str(dataset))
        if reached >= table.version:
            return 0
        commits = table.commits(after=reached)
        change = project(node, dataset, commits, books)
        try:
            books.commit(
                Change(
                    add=change.add,
                    remove=change.remove,
                    transactions={str(dataset): table.version},
                    facts={"projected": str(dataset), "to_version": table.version},
                ),
                at=node.clock(),
            )
        except BusyError:
            if tried == _ATTEMPTS - 1:
                raise
            continue
        log.info("reconcile table=%s dataset=%s version=%d", name, dataset, table.version)
        return len(commits)
    return 0
