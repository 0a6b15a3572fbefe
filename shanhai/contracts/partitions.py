"""Partitions and windows: which part of a dataset a delivery is, by the contract and never by the clock."""

from __future__ import annotations

import re
from datetime import date

from shanhai.contracts.model import Contract
from shanhai.ids import WHOLE


def windows(contract: Contract, *, until: date | None = None) -> tuple[str, ...]:
    """The keys of a daily calendar, in order.

    Args:
        until: the last day of an open calendar. Without it an open calendar has no windows.
    """
    schedule = contract.schedule
    last = date.fromisoformat(schedule.end) if schedule.end else until
    if schedule.cron is None or schedule.start is None or last is None:
        return ()
    first = date.fromisoformat(schedule.start)
    days = (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))
    return tuple(dict.fromkeys(day.strftime(schedule.window) for day in days))


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
