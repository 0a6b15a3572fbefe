"""The key of a window: text of the form that a contract states, from which the window's first day is read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby

from shanhai.ids import is_partition

_OF_A_WEEK, _MONDAY = " %u", " 1"
_YEARS = (date(2020, 1, 1), date(2021, 1, 31))
"""A leap year of 53 weeks by ISO 8601, and the first days after it, which are in the last of them."""

_LONGEST = timedelta(days=366)


def first_day(form: str, key: str) -> date:
    """The day on which a window begins; a week by ISO 8601, `%G-W%V`, begins on its Monday.

    Raises:
        ValueError: the key is not of the form.
    """
    # A window is a name on the district's own calendar: it has no time zone.
    if is_of_weeks(form):
        return datetime.strptime(key + _MONDAY, form + _OF_A_WEEK).date()  # noqa: DTZ007
    return datetime.strptime(key, form).date()  # noqa: DTZ007


def is_of_weeks(form: str) -> bool:
    """Whether the keys of a form name a week, so that a day of it must be added to read them."""
    return "%V" in form.replace("%%", "")


def is_key(form: str, key: str) -> bool:
    """Whether a key is exactly as the calendar would write it: `2024-3-1` and `2024-03` are none of days."""
    try:
        return first_day(form, key).strftime(form) == key
    except ValueError:
        return False


@cache
def can_be_read(form: str) -> bool:
    """Whether each key names a partition and one window, days in a row, and tells the first of them."""
    days = [date.fromordinal(day) for day in range(_YEARS[0].toordinal(), _YEARS[1].toordinal() + 1)]
    windows = [key for key, _ in groupby(day.strftime(form) for day in days)]
    return len(windows) == len(set(windows)) and all(tells(form, day) for day in days)


def tells(form: str, day: date) -> bool:
    """Whether the key of a day names a partition, and tells a first day that is not after it."""
    key = day.strftime(form)
    return is_partition(key) and is_key(form, key) and timedelta() <= day - first_day(form, key) < _LONGEST
