"""Partitions and windows: which part of a dataset a delivery is, by the contract and never by the clock."""

from __future__ import annotations

import re
from datetime import date

from shanhai.contracts.model import Contract
from shanhai.ids import WHOLE

_DIGITS = re.compile(r"([0-9]+)")
_PLACE = re.compile(r"\{(?:next_)?window(?::[^{}]*)?\}")
_FINER_THAN_A_DAY = re.compile(r"%[-#0-9EO]*[HIMSfpcXTRrsk]")


def asks_for_windows(contract: Contract) -> bool:
    """Whether the source is asked for one window at a time: by its partition, or by an option of its source.

    An option does so with `{window}`, `{window:%Y%m%d}` or `{next_window}`, anywhere inside it.
    """
    return contract.delivery.partition.by == "window" or _has_place(contract.source.options)


def _has_place(option: object) -> bool:
    match option:
        case str():
            return _PLACE.search(option) is not None
        case dict():
            return any(_has_place(value) for value in option.values())
        case list() | tuple():
            return any(_has_place(value) for value in option)
        case _:
            return False


def is_finer_than_a_day(form: str) -> bool:
    """Whether a strftime form has hours, minutes, seconds or a half of the day."""
    return _FINER_THAN_A_DAY.search(form.replace("%%", "")) is not None


def windows(contract: Contract, *, until: date | None = None) -> tuple[str, ...]:
    """The keys of a daily calendar, in order.

    Args:
        until: no day after it, whenever the calendar ends. Without it an open calendar has no windows.
    """
    schedule = contract.schedule
    end = date.fromisoformat(schedule.end) if schedule.end else until
    last = min(end, until) if end and until else end
    if schedule.cron is None or schedule.start is None or last is None:
        return ()
    return windows_between(contract, date.fromisoformat(schedule.start), last)


def windows_between(contract: Contract, first: date, last: date) -> tuple[str, ...]:
    """The keys of the windows that have a day from `first` to `last`, both included, in order.

    The calendar's own start and end do not matter: a source may have more than it is asked for every day.
    """
    days = (date.fromordinal(day) for day in range(first.toordinal(), last.toordinal() + 1))
    return tuple(dict.fromkeys(day.strftime(contract.schedule.window) for day in days))


def edition_of(contract: Contract, body: str) -> tuple[tuple[int, int, str], ...]:
    """Where an edition stands among those of its partition, by the group `edition` of the contract's pattern.

    Digits compare as numbers, so that v10 comes after v9; a name that tells no edition comes first.
    """
    found = re.search(contract.delivery.partition.pattern or "", body)
    told = (found.groupdict().get("edition") if found else None) or ""
    return natural_order(told)


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """What orders names as people do: digits compare as numbers."""
    parts = (part for part in _DIGITS.split(name) if part)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


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
