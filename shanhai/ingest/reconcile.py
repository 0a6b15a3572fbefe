"""Reconcile: bring the ledger and the quarantine table up to the commits that are the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanhai.errors import BusyError, DiskFullError, StoreError
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
from shanhai.storage.disk import disk_errors
from shanhai.warehouse import lake
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.log import Commit

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_ATTEMPTS = 12

Projecting = Callable[[Node, DatasetId, list[Commit], LakeTable], Change]


@dataclass(frozen=True)
class Projection:
    """One table that follows the commits.

    Args:
        owned: whether the files that it adds have names that no other process gives, and none commits.
    """

    name: str
    schema: pa.Schema
    project: Projecting
    owned: bool


def reconcile(node: Node) -> int:
    """Project every commit that the books do not have yet; returns how many commits of ours there were.

    Each projection records, per dataset, the Delta version it has reached as an application transaction
    in the same commit as the lines: done twice, or killed anywhere and done again, it adds each line once.

    Raises:
        RetryableError: a table cannot be read or written; of one dataset's files after all others were done.
    """
    seen, failures = _follow(node)
    for failure in failures.values():
        raise failure
    return seen


def reconcile_for_build(node: Node) -> tuple[StoreError, ...]:
    """The same for a build, which reads tables and the ledger and no row in quarantine.

    Returns:
        why the quarantine table is left behind, where a file of refused rows is lost for good: a build
        without it is as right as with it. Everybody else is told so until it is put back.

    Raises:
        RetryableError: as `reconcile`, of the ledger.
    """
    _, failures = _follow(node)
    if LEDGER in failures:
        raise failures[LEDGER]
    return tuple(failures.values())


def _follow(node: Node) -> tuple[int, dict[str, StoreError]]:
    """How many commits of ours there were, and by projection the first failure, of one dataset's files."""
    projections = (
        Projection(LEDGER, ledger_schema(), ledger_change, owned=True),
        Projection(QUARANTINE, quarantine_schema(), quarantine_change, owned=False),
    )
    seen, failures = 0, dict[str, StoreError]()
    for projection in projections:
        LakeTable.create(node.books(projection.name), projection.schema, name=projection.name)
        counts = [_tried(node, projection, dataset, failures) for dataset in node.federation.datasets]
        seen = max(seen, sum(counts))
    return seen, failures


def _tried(node: Node, projection: Projection, dataset: DatasetId, failures: dict[str, StoreError]) -> int:
    """What is wrong with the files of one dataset stops no other; a full disk is one for all."""
    try:
        return _catch_up(node, projection, dataset)
    except DiskFullError:
        raise
    except StoreError as error:
        log.error("failed table=%s dataset=%s error=%s", projection.name, dataset, error)
        failures.setdefault(projection.name, error)
        return 0


def _catch_up(node: Node, projection: Projection, dataset: DatasetId) -> int:
    if not lake.exists(node.table(dataset)):
        return 0
    table = LakeTable.open(node.table(dataset))
    for tried in range(_ATTEMPTS):
        books = LakeTable.open(node.books(projection.name))
        if books.transaction(str(dataset)) >= table.version:
            return 0
        try:
            with disk_errors(books.path):
                count = _project(node, projection, dataset, table, books)
        except BusyError:
            if tried == _ATTEMPTS - 1:
                raise
            continue
        log.info("reconcile table=%s dataset=%s version=%d", projection.name, dataset, table.version)
        return count
    return 0


def _project(
    node: Node, projection: Projection, dataset: DatasetId, table: LakeTable, books: LakeTable
) -> int:
    commits = table.commits(after=books.transaction(str(dataset)))
    change = projection.project(node, dataset, commits, books)
    try:
        books.commit(
            Change(
                add=change.add,
                remove=change.remove,
                digests=change.digests,
                transactions={str(dataset): table.version},
                facts={"projected": str(dataset), "to_version": table.version},
            ),
            at=node.clock(),
        )
    except Exception:
        for name in change.add if projection.owned else ():
            (books.path / name).unlink(missing_ok=True)
        raise
    return len(commits)
