"""Longyou's hazard ledger: found and fixed, with firms and finders; the second day is to be held."""

from __future__ import annotations

import datetime as dt
import random

from infra.simulator.deliveries import SEED, WINDOWS, Column, Dataset, Delivery, Values
from infra.simulator.identity import resident_id, social_credit_code, with_wrong_check
from infra.simulator.places import LONGYOU, below
from infra.simulator.planting import Field

NAME = "longyou.hazards"
PER_DAY = 600
HELD = WINDOWS[1]

COLUMNS = (
    Column("hazard_id", "隐患编号"),
    Column("area_code", "所在社区"),
    Column("firm_name", "企业名称"),
    Column("firm_code", "统一社会信用代码"),
    Column("finder_id", "发现人证件号"),
    Column("risk_level", "风险等级"),
    Column("risk_score", "风险分值"),
    Column("found_date", "发现日期"),
    Column("fixed_date", "整改日期"),
    Column("remark", "备注"),
)


def dataset() -> Dataset:
    """Three days; on the second a broken form spoils one row in eight, more than the contract tolerates."""
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(
                NAME, window, window, _field(window).rows(), verdict="held" if window == HELD else "accepted"
            )
            for window in WINDOWS
        ),
    )


def _field(window: str) -> Field:
    field = Field(NAME, window, COLUMNS, _hazards(window))
    broken = window == HELD
    field.spoil(40 if broken else 4, "bad resident id", "finder_id", "resident_id", _wrong)
    field.spoil(30 if broken else 4, "bad social credit code", "firm_code", "social_credit_code", _wrong)
    field.spoil(4, "out of range", "risk_score", "range", "180")
    field.spoil(3, "unknown code", "risk_level", "codes", "极高")
    field.spoil(3, "missing required", "found_date", "required", "")
    field.spoil(2, "impossible date", "found_date", "type", "2024年2月31日")
    field.disguise(5, "full-width digits", "risk_score", "４２")
    field.repeat(6)
    return field


def _hazards(window: str) -> list[Values]:
    rng = random.Random(f"{SEED}/{NAME}/{window}")
    day = dt.date.fromisoformat(window)
    places = below(LONGYOU, "community")
    rows: list[Values] = []
    for number in range(1, PER_DAY + 1):
        firm = rng.randrange(1, 240)
        fixed = rng.random() < 0.7
        rows.append(
            (
                f"YH{window.replace('-', '')}{number:04d}",
                rng.choice(places).code,
                f"示例企业{firm:04d}",
                social_credit_code(LONGYOU, firm),
                resident_id(rng.randrange(1, 5000)),
                rng.choice(("低", "中", "高", "重大")),
                str(rng.randrange(1, 101)),
                _written(day),
                _written(day + dt.timedelta(days=rng.randrange(1, 20))) if fixed else "",
                "模拟数据",
            )
        )
    return rows


def _wrong(cell: object) -> str:
    return with_wrong_check(str(cell))


def _written(day: dt.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
