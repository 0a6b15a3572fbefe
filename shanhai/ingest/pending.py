"""Which deliveries are still to be worked on, and which that should be there are not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import windows
from shanhai.contracts.window_keys import first_day
from shanhai.errors import DamagedError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.files import write_whole
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import Sidecar, sidecars

log = logging.getLogger(__name__)


def pending(node: Node, dataset: DatasetId) -> list[DeliveryId]:
    """The deliveries that were pulled and have no verdict in the books yet, oldest first."""
    known = sidecars(node, dataset)
    if not known:
        return []
    transactions = open_table(node, dataset).transactions()
    return [sidecar.id for sidecar in known if not transactions.get(sidecar.delivery)]


@dataclass(frozen=True)
class Late:
    """A window of a dataset that nothing was pulled for by the time the contract promises."""

    dataset: DatasetId
    window: str
    due: datetime

    @property
    def name(self) -> str:
        """Dataset and window in one word."""
        return f"{self.dataset}/{self.window}"


def late(node: Node, left_out: dict[DatasetId, DamagedError] | None = None) -> list[Late]:
    """Every late window of every dataset, by the node's clock.

    Args:
        left_out: gains datasets with a damaged sidecar, of which nobody knows what came, and the damage;
            None: it is raised.

    Raises:
        DamagedError: a sidecar is damaged.
        StoreError: the store failed.
    """
    found = []
    for dataset, contract in node.federation.contracts.items():
        if contract.schedule.due_hours is None or contract.schedule.start is None:
            continue
        try:
            found += late_windows(contract, sidecars(node, dataset), node.clock())
        except DamagedError as error:
            if left_out is None:
                raise
            log.error("failed what=late dataset=%s error=%s", dataset, error)
            left_out[dataset] = error
    return found


def read_told(node: Node) -> frozenset[str]:
    """The names of late windows that people were told of already."""
    try:
        return frozenset(json.loads(_told_file(node).read_text(encoding="utf-8"))["windows"])
    except FileNotFoundError:
        return frozenset()
    except (ValueError, KeyError, TypeError):
        log.warning("unreadable file=%s", _told_file(node).name)
        return frozenset()


def write_told(node: Node, names: Iterable[str]) -> None:
    """Remember the late windows that people were told of, and forget all others.

    Raises:
        StoreError: the home cannot be written.
    """
    names = sorted(names)
    if frozenset(names) != read_told(node):
        write_whole(_told_file(node), json.dumps({"windows": names}, ensure_ascii=False, indent=1) + "\n")


def _told_file(node: Node) -> Path:
    return node.home / "notified" / "late.json"


def late_windows(contract: Contract, pulled: list[Sidecar], now: datetime) -> list[Late]:
    """The windows that are due at `now` and for which nothing was pulled.

    A window starts at midnight in the contract's time zone and is due `due_hours` later.
    """
    arrived = {sidecar.window for sidecar in pulled} | {sidecar.id.partition for sidecar in pulled}
    zone = ZoneInfo(contract.time_zone)
    due_after = timedelta(hours=contract.schedule.due_hours or 0)
    found = []
    for key in windows(contract, until=now.astimezone(zone).date()):
        due = datetime.combine(first_day(contract.schedule.window, key), time.min, zone) + due_after
        if key not in arrived and due <= now:
            found.append(Late(contract.dataset, key, due))
    return found
