"""Gongshu's 14 noise monitors: one reading a minute, day and night."""

from __future__ import annotations

import datetime as dt
import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Values
from infra.simulator.happenings import SHANGHAI
from infra.simulator.places import GONGSHU, below
from infra.simulator.planting import Field

NAME = "gongshu.noise"
MONITORS = 14
MINUTES = 1440

COLUMNS = (
    Column("monitor_id", "monitor"),
    Column("area_code", "community"),
    Column("measured_at", "at"),
    Column("laeq_db", "laeq"),
    Column("is_online", "online"),
    Column("zone_class", "zone"),
)

ZONES = ("2", "1", "2", "3", "2", "4a", "2", "2", "2", "3", "2", "4a", "2", "4b")
"""The functional area (GB 3096-2008) of each monitor; days are too loud for the second one's."""
LOUD_NIGHTS = {4: "2024-03-01", 6: "2024-03-02"}
"""Monitors, counted from 0, and the day on which a night begins that is 15 dB too loud there."""
DOUBTFUL = (9, "2024-03-02")
"""A monitor that flags its readings of one day: they are doubtful, and still count."""


def dataset() -> Dataset:
    """Three days of 14 x 1,440 readings; pages that overlap repeat some of them."""
    return Dataset(
        NAME, COLUMNS, tuple(Delivery(NAME, window, window, _field(window).rows()) for window in WINDOWS)
    )


def _field(window: str) -> Field:
    field = Field(NAME, window, COLUMNS, list(_readings(window)))
    field.spoil(20, "missing required", "laeq_db", "required", None)
    field.spoil(15, "out of range", "laeq_db", "range", 999.0)
    field.spoil(6, "bad type", "laeq_db", "type", "ERR")
    field.spoil(5, "wrong pattern", "monitor_id", "pattern", "NOISE-1")
    field.spoil(4, "impossible date", "measured_at", "type", "2024-03-01T24:61:00+08:00")
    field.repeat(30)
    return field


def _readings(window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    midnight = dt.datetime.fromisoformat(window).replace(tzinfo=SHANGHAI)
    stamps = [(midnight + dt.timedelta(minutes=minute)).isoformat() for minute in range(MINUTES)]
    places = below(GONGSHU, "community")
    return [
        (
            f"ZJ-{monitor + 1:02d}",
            places[monitor * 12].code,
            stamps[minute],
            (_level(rng, minute) + _extra(monitor, window, minute)) / 10,
            (monitor, window) != DOUBTFUL,
            ZONES[monitor],
        )
        for minute in range(MINUTES)
        for monitor in range(MONITORS)
    ]


def _level(rng: random.Random, minute: int) -> int:
    """Tenths of a decibel: about 42 dB at night, 54 by day, now and then a burst."""
    base = 540 if 6 * 60 <= minute < 22 * 60 else 420
    burst = 150 if rng.random() < 0.01 else 0
    return base + burst + rng.randrange(-60, 61)


def _extra(monitor: int, window: str, minute: int) -> int:
    """Tenths of a decibel that a loud night adds; the night after midnight began the day before."""
    day = dt.date.fromisoformat(window) - dt.timedelta(days=minute < 6 * 60)
    is_night = not 6 * 60 <= minute < 22 * 60
    return 150 if is_night and LOUD_NIGHTS.get(monitor) == day.isoformat() else 0
