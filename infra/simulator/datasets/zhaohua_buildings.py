"""Zhaohua's building inspections (屋联码); the second day's export is broken and to be refused."""

from __future__ import annotations

import datetime as dt
import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Values
from infra.simulator.places import ZHAOHUA, below
from infra.simulator.planting import Field

NAME = "zhaohua.buildings"
BUILDINGS = 2500
REFUSED = WINDOWS[1]

COLUMNS = (
    Column("building_code", "楼栋编码"),
    Column("area_code", "村社代码"),
    Column("usage_kind", "用途"),
    Column("storeys", "层数"),
    Column("inspected_date", "最近更新日期"),
    Column("inspector_code", "巡查员编号"),
)


def dataset() -> Dataset:
    """Three days; on the second most dates came out of the export as an error text."""
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(
                NAME,
                window,
                window,
                _field(window).rows(),
                verdict="refused" if window == REFUSED else "accepted",
            )
            for window in WINDOWS
        ),
    )


def _field(window: str) -> Field:
    field = Field(NAME, window, COLUMNS, _buildings(window))
    if window == REFUSED:
        field.spoil(1720, "bad type", "inspected_date", "type", "#REF!")
    field.spoil(10, "missing required", "usage_kind", "required", None)
    field.spoil(9, "out of range", "storeys", "range", 250)
    field.spoil(8, "wrong pattern", "building_code", "pattern", "没有编码")
    field.spoil(6, "bad type", "storeys", "type", "三层")
    field.spoil(5, "unknown code", "usage_kind", "codes", "其它")
    field.repeat(11)
    return field


def _buildings(window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    day = dt.datetime.fromisoformat(window)
    places = below(ZHAOHUA, "community")
    rows: list[Values] = []
    for number in range(1, BUILDINGS + 1):
        never = rng.random() < 0.05
        rows.append(
            (
                f"WL{ZHAOHUA}{number:06d}",
                places[number % len(places)].code,
                rng.choice(("住宅", "商用", "公共", "混合")),
                rng.randrange(1, 19),
                None if never else day - dt.timedelta(days=rng.randrange(0, 400)),
                f"XC{rng.randrange(1, 60):04d}",
            )
        )
    return rows
