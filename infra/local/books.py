"""What the runner reads of the node itself: deliveries while it works, the ledger at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.layout import REPOSITORY, Layout

if TYPE_CHECKING:
    from shanhai.ingest.ledger import LedgerRow
    from shanhai.ingest.node import Node


@dataclass(frozen=True)
class Mart:
    """A published mart."""

    name: str
    rows: int
    version: int


def node_of(layout: Layout) -> Node:
    """The node of a home, whatever this process's own environment says."""
    from shanhai.ingest.node import open_node
    from shanhai.settings import read_settings

    return open_node(
        read_settings(home=layout.home, federation=layout.federation, dbt_project=REPOSITORY / "dbt")
    )


def deliveries_by_verdict(node: Node) -> Counter[str]:
    """How many deliveries have which verdict; those without one are `pending`. Reads small files only."""
    from shanhai.ingest.books import table_net
    from shanhai.ingest.pending import pending
    from shanhai.warehouse.lake import LakeTable, exists

    found: Counter[str] = Counter()
    for dataset in node.federation.datasets:
        found["pending"] += len(pending(node, dataset))
        if exists(node.table(dataset)):
            found.update(net.verdict for net in table_net(LakeTable.open(node.table(dataset))).values())
    return +found


def pending_deliveries(node: Node) -> list[str]:
    """The deliveries that have no verdict, in the short form."""
    from shanhai.ingest.pending import pending

    return [delivery.short for dataset in node.federation.datasets for delivery in pending(node, dataset)]


def ledger_rows(node: Node) -> list[LedgerRow]:
    """The net of every delivery."""
    from shanhai.ingest.ledger import ledger

    return ledger(node)


def marts(node: Node) -> list[Mart]:
    """The marts of the latest publication; empty before the first."""
    from shanhai.warehouse.publications import publications

    latest = max(publications(node.settings), key=lambda one: one.number, default=None)
    return [Mart(mart.name, mart.rows, mart.version) for mart in latest.marts] if latest else []
