"""How far an incremental source was read: told by the deliveries that are kept, and by nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from shanhai.ids import DatasetId
from shanhai.ingest.books import table_net
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import Sidecar, sidecars

_NOT_KEPT = ("refused", "withdrawn")


def last_cursor(node: Node, dataset: DatasetId, pulled: Iterable[Sidecar] | None = None) -> str | None:
    """From where a source is read on; None: from its beginning.

    Deliveries that were refused or withdrawn do not count, and neither do those that continued from them:
    their rows come again. Pending and held ones count.

    Args:
        pulled: all sidecars of the dataset, where they are known already.
    """
    records = sidecars(node, dataset) if pulled is None else pulled
    known = [sidecar for sidecar in records if sidecar.cursor is not None]
    if not known:
        return None
    verdicts = table_net(open_table(node, dataset))
    dropped = {delivery for delivery, net in verdicts.items() if net.verdict in _NOT_KEPT}
    return continued(known, dropped)


def continued(deliveries: Iterable[Sidecar], dropped: Collection[str]) -> str | None:
    """The cursor at the end of an unbroken chain from the last whole pull.

    Each delivery says from which cursor it continued, so that nothing has to be compared but for equality:
    a chain is as good whatever a cursor is made of.

    Args:
        deliveries: that have a cursor, oldest first.
        dropped: ids of those that do not count.
    """
    reached: set[str] = set()
    last: str | None = None
    for delivery in deliveries:
        if delivery.cursor is None or delivery.delivery in dropped:
            continue
        if delivery.since is None:
            reached = set()
        elif delivery.since not in reached:
            continue
        reached.add(delivery.cursor)
        last = delivery.cursor
    return last
