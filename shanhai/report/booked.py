"""The commits of each dataset's table, as far as one of the books was brought up to them."""

from __future__ import annotations

from collections.abc import Iterator

from shanhai.ids import DatasetId
from shanhai.ingest.books import Entry, entries
from shanhai.ingest.node import Node
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.warehouse.lake import LakeTable, exists


def datasets(node: Node) -> list[DatasetId]:
    """The datasets that have a table."""
    return [dataset for dataset in node.federation.datasets if exists(node.table(dataset))]


def booked(node: Node, book: str, dataset: DatasetId) -> list[tuple[int, Entry]]:
    """The entries that one of the books goes by, oldest first, each with the version of its commit.

    Between a decision and the next `reconcile` the commits have more of them. A book that is lost has to have
    them all.

    Raises:
        StoreError: the table's log or that of the book cannot be read.
    """
    table = LakeTable.open(node.table(dataset))
    reached = _reached(node, book, dataset, table)
    return [(version, line) for version, line in entries(table) if version <= reached]


def behind(node: Node) -> Iterator[str]:
    """A sentence on each of the books that commits of some table are still to be brought to.

    Raises:
        StoreError: as `booked`.
    """
    for book in (LEDGER, QUARANTINE):
        late = [dataset for dataset in datasets(node) if _lags(node, book, dataset)]
        if late:
            named = ", ".join(map(str, late))
            yield f"lake/_system/{book} lacks the newest commits of {named}: shanhai reconcile."


def _lags(node: Node, book: str, dataset: DatasetId) -> bool:
    table = LakeTable.open(node.table(dataset))
    reached = _reached(node, book, dataset, table)
    return any(version > reached for version, _ in entries(table))


def _reached(node: Node, book: str, dataset: DatasetId, table: LakeTable) -> int:
    path = node.books(book)
    return LakeTable.open(path).transaction(str(dataset)) if exists(path) else table.version
