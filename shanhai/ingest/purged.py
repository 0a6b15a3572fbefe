"""What purges have noted in the books since a moment: it is gone, or goes, whatever else failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shanhai.errors import ShanhaiError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import lines_of
from shanhai.ingest.node import Node
from shanhai.warehouse.lake import LakeTable, exists


@dataclass(frozen=True)
class Noted:
    """One part of a delivery of which an entry `purge` says that it goes, and why."""

    delivery: DeliveryId
    part: str
    why: str


def versions_now(node: Node, datasets: Iterable[DatasetId]) -> dict[DatasetId, int]:
    """The newest Delta version of each dataset's table; without those that cannot be read."""
    return {dataset: table.version for dataset, table in _readable(node, datasets)}


def noted_since(node: Node, before: Mapping[DatasetId, int]) -> list[Noted]:
    """What was noted after these versions; nothing of tables that cannot be read by now."""
    return [
        noted for dataset, table in _readable(node, before) for noted in _noted(table, after=before[dataset])
    ]


def _readable(node: Node, datasets: Iterable[DatasetId]) -> Iterator[tuple[DatasetId, LakeTable]]:
    for dataset in datasets:
        path = node.table(dataset)
        try:
            if exists(path):
                yield dataset, LakeTable.open(path, node.logs.get(dataset))
        except ShanhaiError:
            continue


def _noted(table: LakeTable, *, after: int) -> list[Noted]:
    try:
        lines = [line for _, line in lines_of(table.commits(after=after)) if line.kind == "purge"]
    except ShanhaiError:
        return []
    return [
        Noted(DeliveryId.parse(line.delivery), part, _why(line.reason, part))
        for line in lines
        for part in line.scope
    ]


def _why(reason: str, part: str) -> str:
    """What a reason for several parts says of one."""
    told = dict(piece.partition(": ")[::2] for piece in reason.split("; "))
    return told.get(part, reason)
