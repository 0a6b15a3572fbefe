"""Zhaohua's villages: 12 towns and 152 villages with their freshness; the first day is published twice."""

from __future__ import annotations

import datetime as dt
import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.places import ZHAOHUA, areas, below
from infra.simulator.planting import Field

NAME = "zhaohua.villages"
REPUBLISHED = f"{WINDOWS[0]}.r2"
NEARLY_EMPTY = {5: 7, 40: 3, 41: 9, 90: 0}
"""Villages by position and the people who are left there: counts too small to be published, and none."""

COLUMNS = (
    Column("area_code", "村社代码"),
    Column("village_name", "村社名称"),
    Column("town_name", "所属乡镇"),
    Column("households", "户数"),
    Column("residents", "常住人口"),
    Column("surveyed_date", "更新日期"),
)


def dataset() -> Dataset:
    """Three days, and a second edition of the first that replaces it."""
    days = [Delivery(NAME, window, window, _field(window, window).rows()) for window in WINDOWS]
    again = Delivery(
        NAME, WINDOWS[0], REPUBLISHED, _field(WINDOWS[0], REPUBLISHED).rows(), replaces=WINDOWS[0]
    )
    return Dataset(NAME, COLUMNS, (days[0], again, *days[1:]))


def _field(window: str, name: str) -> Field:
    villages = _villages(window, name)
    field = Field(NAME, name, COLUMNS, villages)
    unknown = field.changed(villages[0], {"area_code": "510811999001"})
    field.add([Row(unknown, "bad", "unknown area code", ("area_code.area_code",))])
    if name != REPUBLISHED:
        untold = field.changed(villages[1], {"residents": -3})
        field.add([Row(untold, "bad", "out of range", ("residents.range",))])
        field.repeat(2)
    return field


def _villages(window: str, name: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{name}")
    towns = {area.code: area.name for area in areas() if area.level == "street"}
    rows: list[Values] = []
    for position, area in enumerate(below(ZHAOHUA, "community")):
        households = rng.randrange(120, 900)
        surveyed = dt.datetime.fromisoformat(window) - dt.timedelta(days=rng.randrange(0, 300))
        residents = households * 2 + rng.randrange(200)
        if position in NEARLY_EMPTY:
            households, residents = min(households, NEARLY_EMPTY[position]), NEARLY_EMPTY[position]
        rows.append((area.code, area.name, towns[area.parent], households, residents, surveyed))
    return rows
