"""Whether the lake has rows that no build has seen: then the marts have to follow."""

from __future__ import annotations

from shanhai.errors import NotFoundError
from shanhai.ids import DatasetId
from shanhai.ingest.books import moving
from shanhai.ingest.node import Node
from shanhai.warehouse.failed_build import failed_pins
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.last_build import last_build
from shanhai.warehouse.sources import Pins


def unseen(node: Node) -> list[DatasetId]:
    """The datasets of which no build that came to an end has seen the rows as they are now.

    A build that failed has seen its versions too: trying the same again is left to a person. One that was
    killed has not.

    Raises:
        StoreError: a table cannot be read.
    """
    seen = _seen(node)
    return [name for name in node.federation.datasets if _has_moved(node, name, after=seen.get(str(name), 0))]


def is_ahead(node: Node, dataset: DatasetId) -> bool:
    """Whether a dataset is among those that are `unseen`.

    Asked of the tables rather than of what a call has done, so that an event lost in a crash is made up for
    by the next call.

    Raises:
        StoreError: the table cannot be read.
    """
    return _has_moved(node, dataset, after=_seen(node).get(str(dataset), 0))


def has_other_rows(node: Node, dataset: DatasetId, *, after: int) -> bool:
    """Whether a table has a version above `after` that brought or took rows.

    A delivery that is held or refused is in the books, and brings none; nor does making the table.

    Raises:
        StoreError: the table cannot be read.
    """
    if not exists(node.table(dataset)):
        return False
    commits = LakeTable.open(node.table(dataset)).commits(after=after)
    return any(commit.adds or any(line.loaded for line in moving(commit)) for commit in commits)


def _has_moved(node: Node, dataset: DatasetId, *, after: int) -> bool:
    """Whether a table has a version above `after` that is more than notes in the books."""
    if not exists(node.table(dataset)):
        return False
    table = LakeTable.open(node.table(dataset))
    notes = [commit for commit in table.commits(after=after) if not moving(commit)]
    return table.version - after > len(notes)


def _seen(node: Node) -> Pins:
    """The newest version of each table that was read by a build which ended, well or badly."""
    built, failed = _built(node), failed_pins(node.settings)
    return {table: max(built.get(table, 0), failed.get(table, 0)) for table in {**built, **failed}}


def _built(node: Node) -> Pins:
    try:
        return last_build(node.settings).pins
    except NotFoundError:
        return {}
