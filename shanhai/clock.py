"""The only place that reads the wall clock; everything else is given a `Clock`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic

Clock = Callable[[], datetime]
"""Returns the present moment, timezone-aware, in UTC."""


def system_clock() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def running_clock(moment: datetime) -> Clock:
    """A clock that begins at `moment` and goes on in whole seconds, whatever is done to the machine's."""
    started = monotonic()
    return lambda: moment + timedelta(seconds=int(monotonic() - started))


def fixed_clock(moment: datetime) -> Clock:
    """A clock that always tells `moment`, for tests and replays."""
    return lambda: moment
