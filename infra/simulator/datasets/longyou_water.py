"""Longyou's smart water meters: 211 households of elderly people, a reading every ten minutes."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.happenings import SHANGHAI
from infra.simulator.places import LONGYOU, below
from infra.simulator.planting import Field

NAME = "longyou.water_meters"
HOUSEHOLDS = 211
PER_DAY = 144

STILL = (17, 88)
"""Meters that stand still on all three days: somebody should knock at the door."""
SILENT = 140
"""The meter that sends nothing on the third day; silence is not a flat line."""
MOVES_AGAIN = {120: 1, 31: 0}
"""Meters that stand still until a step of the third day: one shows 48 flat hours, one does not."""
BACKWARDS = 55
"""The meter that loses half a cubic metre at noon of the third day."""

COLUMNS = (
    Column("meter_id", "水表编号"),
    Column("household_code", "户号"),
    Column("area_code", "社区代码"),
    Column("read_at", "读数时间"),
    Column("reading_m3", "累计读数"),
    Column("battery_v", "电池电压"),
    Column("updated_at", "更新时间"),
)


def dataset() -> Dataset:
    """Three days; the third corrects readings of the first."""
    fields = {window: _field(window, _readings(day, window)) for day, window in enumerate(WINDOWS)}
    corrected = fields[WINDOWS[0]].reserve(60)
    third = fields[WINDOWS[2]]
    third.add([_correction(third, values) for values in corrected])
    notes = {"still_meters": len(STILL), "silent_meters": 1}
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(NAME, window, window, field.rows(), notes=notes if window == WINDOWS[2] else {})
            for window, field in fields.items()
        ),
    )


def _field(window: str, readings: list[Values]) -> Field:
    field = Field(NAME, window, COLUMNS, readings)
    field.spoil(25, "missing required", "reading_m3", "required", "")
    field.spoil(14, "out of range", "reading_m3", "range", "-0.500")
    field.spoil(10, "bad type", "reading_m3", "type", "#N/A")
    field.spoil(8, "wrong pattern", "meter_id", "pattern", lambda text: str(text).lower())
    field.spoil(6, "unknown area code", "area_code", "area_code", "330825888888")
    field.spoil(5, "impossible date", "read_at", "type", "2024/2/30 8:00:00")
    field.disguise(40, "null token", "battery_v", "-")
    field.disguise(15, "full-width digits", "reading_m3", _full_width)
    field.repeat(40)
    field.outdate(12, {"reading_m3": "0.001", "updated_at": _hour_before})
    return field


def _readings(day: int, window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    midnight = dt.datetime.fromisoformat(window).replace(tzinfo=SHANGHAI)
    places = below(LONGYOU, "community")
    litres = [40_000 + 1_731 * meter + 400 * day for meter in range(HOUSEHOLDS)]
    rows: list[Values] = []
    for step in range(PER_DAY):
        at = midnight + dt.timedelta(minutes=10 * step)
        read, updated = _written(at), _written(at + dt.timedelta(minutes=2))
        for meter in range(HOUSEHOLDS):
            if meter == SILENT and day == 2:
                continue
            if meter in STILL or (meter in MOVES_AGAIN and (day, step) < (2, MOVES_AGAIN[meter])):
                litres[meter] = 40_000 + 1_731 * meter
            elif meter in MOVES_AGAIN:
                litres[meter] += 3
            elif meter == BACKWARDS and (day, step) == (2, PER_DAY // 2):
                litres[meter] -= 500
            elif rng.random() < 0.2:
                litres[meter] += rng.randrange(1, 14)
            rows.append(
                (
                    f"LY{20230000 + meter:08d}",
                    f"H{meter + 1:06d}",
                    places[meter].code,
                    read,
                    str(Decimal(litres[meter]) / 1000),
                    f"3.{60 - meter % 9}",
                    updated,
                )
            )
    return rows


def _full_width(cell: object) -> str:
    return str(cell).translate(str.maketrans("0123456789.", "０１２３４５６７８９．"))


def _written(at: dt.datetime) -> str:
    return f"{at.year}/{at.month}/{at.day} {at.hour}:{at.minute:02d}:{at.second:02d}"


def _hour_before(cell: object) -> str:
    at = dt.datetime.strptime(str(cell), "%Y/%m/%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return _written(at - dt.timedelta(hours=1))


def _correction(field: Field, values: Values) -> Row:
    at = _written(dt.datetime(2024, 3, 3, 7, 30, tzinfo=SHANGHAI))
    corrected = field.changed(values, {"battery_v": "3.30", "updated_at": at})
    return Row(corrected, fault="late correction", supersedes=WINDOWS[0])
