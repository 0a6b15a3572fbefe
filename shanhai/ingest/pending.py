"""Which deliveries are still to be worked on, and which that should be there are not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import windows
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.snapshot import Sidecar, sidecars


def pending(node: Node, dataset: DatasetId) -> list[DeliveryId]:
    """The deliveries that were pulled and have no verdict in the books yet, oldest first."""
    known = sidecars(node, dataset)
    if not known:
        return []
    table = open_table(node, dataset)
    return [sidecar.id for sidecar in known if not table.transaction(sidecar.delivery)]


@dataclass(frozen=True)
class Late:
    """A window of a dataset that nothing was pulled for by the time the contract promises."""

    dataset: DatasetId
    window: str
    due: datetime


def late(node: Node) -> list[Late]:
    """Every late window of every dataset, by the node's clock."""
    found = []
    for dataset, contract in node.federation.contracts.items():
        if contract.schedule.due_hours is not None and contract.schedule.start is not None:
            found += late_windows(contract, sidecars(node, dataset), node.clock())
    return found


def late_windows(contract: Contract, pulled: list[Sidecar], now: datetime) -> list[Late]:
    """The windows that are due at `now` and for which nothing was pulled.

    A window starts at midnight in the contract's time zone and is due `due_hours` later.
    """
    arrived = {sidecar.window for sidecar in pulled} | {sidecar.id.partition for sidecar in pulled}
    zone = ZoneInfo(contract.time_zone)
    due_after = timedelta(hours=contract.schedule.due_hours or 0)
    found = []
    for key in windows(contract, until=now.astimezone(zone).date()):
        due = datetime.strptime(key, contract.schedule.window).replace(tzinfo=zone) + due_after
        if key not in arrived and due <= now:
            found.append(Late(contract.dataset, key, due))
    return found
