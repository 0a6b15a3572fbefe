"""From a wall clock to an instant: the SQL that reads a timestamp without offset in its time zone."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shanhai.contracts.sql import quote_literal
from shanhai.errors import ConfigurationError

_DAY = timedelta(days=1)


def to_instant(naive: str, zone: str, *, dated: str | None = None) -> str:
    """SQL of type TIMESTAMPTZ for the SQL `naive` of type TIMESTAMP, a wall clock in `zone`.

    Where clocks are put forward, a time inside the gap is read with the offset before the change
    (02:30 becomes 03:30 of the new time). Where they are put back, a time that occurs twice is its
    second occurrence, in standard time.

    Args:
        dated: SQL of a text that begins with the four digits of the year, where there is one: it tells
            recent times from old ones without a second look at `naive`.

    Raises:
        ConfigurationError: `zone` is not the name of an IANA time zone.
    """
    by_calendar = f"({naive} AT TIME ZONE {quote_literal(zone)})"
    settled = _settled(zone)
    if settled is None:
        return by_calendar
    since, offset = settled
    micros = round(offset.total_seconds() * 1_000_000)
    # The calendar library costs three times as much per row as a subtraction.
    shifted = f"make_timestamptz(epoch_us({naive}) - {micros})"
    recent = f"{dated} >= '{since.year + 1}'" if dated else f"{naive} >= TIMESTAMP '{since:%Y-%m-%d}'"
    return f"(CASE WHEN {recent} THEN {shifted} ELSE {by_calendar} END)"


@functools.cache
def _settled(zone: str) -> tuple[datetime, timedelta] | None:
    """Since which day, and with which offset, a zone has never changed its clocks; None: it still does.

    Only zones at rest since before 2000 count, so that an older time zone database agrees.
    """
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(
            "not a time zone", given=zone, allowed="an IANA name such as Asia/Shanghai"
        ) from error
    day = datetime(2099, 12, 31, tzinfo=clock)
    offset = day.utcoffset()
    while day.year >= 1970 and (day - _DAY).utcoffset() == offset:
        day -= _DAY
    since = day + 2 * _DAY
    return None if offset is None or since.year >= 2000 else (since, offset)
