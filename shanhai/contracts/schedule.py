"""What must hold of the calendar of a contract, so that each of its windows has a key that can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from shanhai.contracts.model import Contract, Schedule
from shanhai.contracts.partitions import asks_for_windows, is_finer_than_a_day
from shanhai.contracts.window_keys import can_be_read, tells
from shanhai.errors import ContractError

Complain = Callable[..., ContractError]

_PATH: list[str | int] = ["customProperties", "schedule"]
_WINDOW_LETTERS = "YmdjGVy"


def check_schedule(contract: Contract, complain: Complain) -> None:
    """Raise the first thing by which no calendar could be kept.

    Args:
        complain: makes an error of a message, the path in the file, `given` and `allowed`.

    Raises:
        ContractError: as made by `complain`.
    """
    schedule = contract.schedule
    _check_days(schedule, complain)
    _check_form(schedule.window, complain)
    _check_ends(schedule, complain)
    if asks_for_windows(contract) and schedule.cron is None:
        raise complain("a windowed source needs a schedule", _PATH, given="no cron", allowed="cron and start")
    if schedule.cron is not None and schedule.start is None:
        raise complain(
            "schedule: a cron needs a start", _PATH, given="no start", allowed="start: YYYY-MM-DD beside it"
        )


def _check_days(schedule: Schedule, complain: Complain) -> None:
    if schedule.cron is not None and not _is_cron(schedule.cron):
        raise complain(
            "schedule: cron has five fields", _PATH, given=schedule.cron, allowed="such as 0 2 * * *"
        )
    for name, day in (("start", schedule.start), ("end", schedule.end)):
        if day is not None:
            try:
                date.fromisoformat(day)
            except ValueError as error:
                raise complain(
                    f"schedule: {name} is no date", _PATH, given=day, allowed="YYYY-MM-DD"
                ) from error
    if schedule.start and schedule.end and schedule.start > schedule.end:
        raise complain(
            "schedule: ends before it starts", _PATH, given=schedule.end, allowed=f">= {schedule.start}"
        )


def _check_form(form: str, complain: Complain) -> None:
    unknown = set(re.findall(r"%(.)", form)) - set(_WINDOW_LETTERS)
    if "%" not in form or (unknown and not is_finer_than_a_day(form)):
        raise complain(
            "schedule: not a form of a window",
            _PATH,
            given=form,
            allowed=[f"%{letter}" for letter in _WINDOW_LETTERS],
        )
    if is_finer_than_a_day(form):
        raise complain(
            "schedule: windows are days or longer",
            _PATH,
            given=form,
            allowed="a form without hours, minutes and seconds, such as %Y-%m-%d or %Y-%m",
        )
    if not can_be_read(form):
        raise complain(
            "schedule: the key of a window does not tell its first day",
            _PATH,
            given=form,
            allowed="%Y-%m-%d, %Y%j, %Y-%m, %Y, and for weeks %G-W%V; only letters, digits and ._:+-",
        )


def _check_ends(schedule: Schedule, complain: Complain) -> None:
    for name, day in (("start", schedule.start), ("end", schedule.end)):
        if day is not None and not tells(schedule.window, date.fromisoformat(day)):
            raise complain(
                f"schedule: the window of {name} has no key that can be read",
                _PATH,
                given=f"{day} as {schedule.window}",
                allowed="a day from year 1000 on, with %y from 1969 to 2068",
            )


def _is_cron(text: str) -> bool:
    from croniter import croniter

    return len(text.split()) == 5 and bool(croniter.is_valid(text))
