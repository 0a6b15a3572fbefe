"""Reconcile: bring the ledger and the quarantine table up to the commits that are the truth."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanhai.errors import BusyError, DamagedError, DiskFullError, MemoryLimitError, ShanhaiError, StoreError
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
from shanhai.warehouse.damage import damaged
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.log import PROJECTED, Commit

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


@dataclass(frozen=True)
class Behind:
    """A projection that is not up to the commits of one dataset, and why."""

    table: str
    dataset: DatasetId
    error: ShanhaiError


def reconcile(node: Node) -> Mapping[str, int]:
    """Project every commit that the books do not have yet; returns how many each of their tables took up.

    Each projection records, per dataset, the Delta version it has reached as an application transaction
    in the same commit as the lines: done twice, or killed anywhere and done again, it adds each line once.

    Raises:
        DamagedError: a log, or a file of refused rows, is lost for good; after all other datasets were done.
        RetryableError: a table cannot be read or written; of one dataset's files after all others were done.
    """
    taken_up, left_behind = _follow(node)
    for behind in left_behind:
        raise behind.error
    return taken_up


def check_books(node: Node) -> None:
    """See that each file of the books is the one that was committed: to bring them up reads none of them.

    Raises:
        DamagedError: one is lost, cut off or altered.
        StoreError: a table cannot be read.
    """
    for name in (LEDGER, QUARANTINE):
        file = LakeTable.open(node.books(name)).damaged_file()
        # A purge may have replaced and removed it meanwhile.
        if file is not None and file in (table := LakeTable.open(node.books(name))).files():
            raise damaged(
                "a file of a table is damaged", table.path, table.path / file, "the bytes that were committed"
            )


def reconcile_as_far(node: Node) -> tuple[Behind, ...]:
    """The same as far as it can be done; returns what is left behind. Each is in the log, too.

    Raises:
        DamagedError: of the books themselves.
        RetryableError: the books themselves cannot be read or written.
    """
    return _follow(node)[1]


def reconcile_of(node: Node, dataset: DatasetId) -> None:
    """The same for what is asked of one dataset: what is wrong with others stands in the way of nothing.

    Raises:
        ShanhaiError: as `reconcile`, of this dataset.
    """
    for behind in reconcile_as_far(node):
        if behind.dataset == dataset:
            raise behind.error


def reconcile_for_build(node: Node) -> tuple[ShanhaiError, ...]:
    """The same for a build, which reads tables and the ledger and no row in quarantine.

    Returns:
        why the quarantine table is left behind, where a file of refused rows is lost for good: a build
        without it is as right as with it. Everybody else is told so until it is put back.

    Raises:
        ShanhaiError: as `reconcile`, of the ledger.
    """
    left_behind = reconcile_as_far(node)
    for behind in left_behind:
        if behind.table == LEDGER:
            raise behind.error
    return tuple(behind.error for behind in left_behind)


def _follow(node: Node) -> tuple[Mapping[str, int], tuple[Behind, ...]]:
    """How many commits of ours each table took up, and what was left behind of one dataset."""
    projections = (
        Projection(LEDGER, ledger_schema(), ledger_change, owned=True),
        Projection(QUARANTINE, quarantine_schema(), quarantine_change, owned=False),
    )
    taken_up, left_behind = dict[str, int](), list[Behind]()
    for projection in projections:
        books = LakeTable.create(node.books(projection.name), projection.schema, name=projection.name)
        # What a commit has lost of them would be taken up once more.
        books.require_whole_log()
        counts = [_tried(node, projection, dataset, left_behind) for dataset in node.federation.datasets]
        taken_up[projection.name] = sum(counts)
    return taken_up, tuple(left_behind)


def _tried(node: Node, projection: Projection, dataset: DatasetId, left_behind: list[Behind]) -> int:
    """What is wrong with one dataset stops no other; a full disk is one for all."""
    try:
        return _catch_up(node, projection, dataset)
    except DiskFullError:
        raise
    except (StoreError, DamagedError, MemoryLimitError) as error:
        log.error("failed table=%s dataset=%s error=%s", projection.name, dataset, error)
        left_behind.append(Behind(projection.name, dataset, error))
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
                facts={PROJECTED: str(dataset), "to_version": table.version},
            ),
            at=node.clock(),
        )
    except Exception:
        for name in change.add if projection.owned else ():
            (books.path / name).unlink(missing_ok=True)
        raise
    return len(commits)
