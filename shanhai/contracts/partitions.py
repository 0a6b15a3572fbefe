"""Partitions and windows: which part of a dataset a delivery is, by the contract and never by the clock."""

from __future__ import annotations

import re
from datetime import date

from shanhai.contracts.model import Contract
from shanhai.ids import WHOLE


def windows(contract: Contract) -> tuple[str, ...]:
    """The keys of a closed daily calendar, in order; empty when the calendar is open or there is none."""
    schedule = contract.schedule
    if schedule.cron is None or schedule.start is None or schedule.end is None:
        return ()
    first, last = date.fromisoformat(schedule.start), date.fromisoformat(schedule.end)
    days = range((last - first).days + 1)
    return tuple(date.fromordinal(first.toordinal() + day).strftime(schedule.window) for day in days)


def partition_of(contract: Contract, body: str, window: str | None) -> str | None:
    """The partition of a body by the contract's rule, or None when its name does not tell one."""
    partition = contract.delivery.partition
    match partition.by:
        case "none":
            return WHOLE
        case "window":
            return window
        case "file" | "edition":
            found = re.search(partition.pattern or "", body)
            return found["partition"] if found else None
