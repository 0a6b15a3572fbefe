"""Heartbeats of the cloud links between Gongshu and its partners: a log without a key."""

from __future__ import annotations

import datetime as dt
import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.happenings import SHANGHAI
from infra.simulator.planting import Field

NAME = "gongshu.link_heartbeats"
PEERS = ("longyou", "zhaohua")

COLUMNS = (
    Column("peer", "peer"),
    Column("beat_at", "at"),
    Column("latency_ms", "latency"),
    Column("status", "status"),
)


def dataset() -> Dataset:
    """Two links, one beat a minute; equal lines are two beats and both count."""
    return Dataset(
        NAME, COLUMNS, tuple(Delivery(NAME, window, window, _field(window).rows()) for window in WINDOWS)
    )


def _field(window: str) -> Field:
    beats = _beats(window)
    field = Field(NAME, window, COLUMNS, beats)
    field.spoil(6, "unknown code", "peer", "codes", "shangcheng")
    field.spoil(5, "out of range", "latency_ms", "range", -1)
    field.spoil(4, "bad type", "latency_ms", "type", "n/a ms")
    field.add([Row(values, fault="equal lines of a log") for values in field.reserve(12)])
    return field


def _beats(window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    midnight = dt.datetime.fromisoformat(window).replace(tzinfo=SHANGHAI)
    return [
        (
            peer,
            (midnight + dt.timedelta(minutes=minute)).isoformat(),
            rng.randrange(8, 60),
            "down" if rng.random() < 0.002 else "up",
        )
        for minute in range(1440)
        for peer in PEERS
    ]
