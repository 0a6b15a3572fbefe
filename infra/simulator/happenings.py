"""Invented happenings in a district, before each system tells them in its own words."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from infra.simulator.deliveries import SEED
from infra.simulator.places import GONGSHU, below, centre, grid_codes

SHANGHAI = ZoneInfo("Asia/Shanghai")

CATEGORIES = {
    "党群服务": "party_building",
    "志愿服务": "party_building",
    "企业诉求": "economy",
    "环境污染": "economy",
    "噪声扰民": "safety",
    "矛盾纠纷": "safety",
    "消防隐患": "safety",
    "停水停电": "services",
    "道路破损": "services",
    "垃圾清运": "services",
}
CHANNELS = ("sensor", "platform", "grid_staff", "public")
IMPOSSIBLE_PER_DAY = 5

Stamp = dt.datetime | None


@dataclass(frozen=True)
class Happening:
    """One event with its six stamps in Shanghai time; later stamps are None while it is open."""

    number: int
    area: str
    grid: str
    category: str
    track: str
    channel: str
    status: str
    reported: dt.datetime
    signed: Stamp
    dispatched: Stamp
    arrived: Stamp
    solved: Stamp
    verified: Stamp
    longitude: float
    latitude: float
    updated: dt.datetime


def happenings(dataset: str, district: str, window: str, count: int) -> list[Happening]:
    """`count` happenings of one day in the order of their reports.

    The first `IMPOSSIBLE_PER_DAY` that were closed have an arrival before the report: real systems do.
    """
    rng = random.Random(f"{SEED}/{dataset}/{window}")
    midnight = dt.datetime.fromisoformat(window).replace(tzinfo=SHANGHAI)
    seconds = sorted(rng.randrange(86_400) for _ in range(count))
    made = [
        _happening(rng, district, number, midnight + dt.timedelta(seconds=second))
        for number, second in enumerate(seconds, start=1)
    ]
    return _with_impossible(made)


def impossible_orders(made: list[Happening]) -> int:
    """How many happenings have an arrival before their report."""
    return sum(1 for event in made if event.arrived is not None and event.arrived < event.reported)


def _happening(rng: random.Random, district: str, number: int, reported: dt.datetime) -> Happening:
    area, grid = _place(rng, district)
    category = rng.choice(tuple(CATEGORIES))
    status = rng.choices(("closed", "open", "cancelled"), weights=(90, 8, 2))[0]
    signed = reported + dt.timedelta(seconds=rng.randrange(10, 90))
    dispatched = signed + dt.timedelta(seconds=rng.randrange(20, 180))
    arrived = dispatched + dt.timedelta(seconds=rng.randrange(60, 700))
    solved = arrived + dt.timedelta(seconds=rng.randrange(300, 5400))
    verified = solved + dt.timedelta(seconds=rng.randrange(600, 7200))
    closed = status == "closed"
    longitude, latitude = centre(district)
    return Happening(
        number=number,
        area=area,
        grid=grid,
        category=category,
        track=CATEGORIES[category],
        channel=rng.choice(CHANNELS),
        status=status,
        reported=reported,
        signed=signed,
        dispatched=dispatched if status != "cancelled" else None,
        arrived=arrived if closed else None,
        solved=solved if closed else None,
        verified=verified if closed and rng.random() < 0.8 else None,
        longitude=round(longitude + rng.randrange(-40_000, 40_000) / 1e6, 6),
        latitude=round(latitude + rng.randrange(-40_000, 40_000) / 1e6, 6),
        updated=(verified if closed else signed) + dt.timedelta(seconds=30),
    )


def _place(rng: random.Random, district: str) -> tuple[str, str]:
    if district == GONGSHU:
        grid = rng.choice(grid_codes())
        return grid[:12], grid
    area = rng.choice(below(district, "community")).code
    return area, f"{area}{rng.randrange(1, 9):03d}"


def _with_impossible(made: list[Happening]) -> list[Happening]:
    closed = [index for index, event in enumerate(made) if event.arrived is not None]
    for index in closed[:IMPOSSIBLE_PER_DAY]:
        event = made[index]
        fields = {**event.__dict__, "arrived": event.reported - dt.timedelta(minutes=3)}
        made[index] = Happening(**fields)
    return made
