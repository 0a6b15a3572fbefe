"""Zhaohua's events: three stamps in an Excel workbook, dates as real date cells."""

from __future__ import annotations

import datetime as dt

from infra.simulator.deliveries import WINDOWS, Cell, Column, Dataset, Delivery, Row, Values
from infra.simulator.happenings import Happening, happenings, impossible_orders
from infra.simulator.places import ZHAOHUA
from infra.simulator.planting import Field

NAME = "zhaohua.events"
PER_DAY = 1200

COLUMNS = (
    Column("event_id", "事项编号"),
    Column("area_code", "村社代码"),
    Column("category", "事项类型"),
    Column("track", "条线"),
    Column("channel", "上报渠道"),
    Column("status", "办理状态"),
    Column("reported_at", "上报时间"),
    Column("arrived_at", "到场时间"),
    Column("solved_at", "办结时间"),
    Column("updated_at", "更新时间"),
)

_TRACKS = {"party_building": "党建统领", "economy": "经济生态", "safety": "平安法治", "services": "公共服务"}
_CHANNELS = {"sensor": "感知", "platform": "平台", "grid_staff": "网格", "public": "群众"}
_STATUS = {"open": "在办", "closed": "办结", "cancelled": "作废"}


def dataset() -> Dataset:
    """Three days; the second corrects rows of the first."""
    days = [happenings(NAME, ZHAOHUA, window, PER_DAY + 20 * day) for day, window in enumerate(WINDOWS)]
    fields = [_field(window, day) for window, day in zip(WINDOWS, days, strict=True)]
    corrected = fields[0].reserve(10)
    at = dt.datetime.fromisoformat("2024-03-02T11:00:00")
    fields[1].add(
        [
            Row(
                fields[1].changed(values, {"status": "办结", "updated_at": at}),
                fault="late correction",
                supersedes=WINDOWS[0],
            )
            for values in corrected
        ]
    )
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(NAME, window, window, field.rows(), notes={"impossible_order": impossible_orders(day)})
            for window, field, day in zip(WINDOWS, fields, days, strict=True)
        ),
    )


def _field(window: str, day: list[Happening]) -> Field:
    field = Field(NAME, window, COLUMNS, [_values(window, event) for event in day])
    field.spoil(5, "missing required", "channel", "required", None)
    field.spoil(6, "unknown code", "track", "codes", "其他")
    field.spoil(5, "unknown area code", "area_code", "area_code", "510811999999")
    field.spoil(4, "bad type", "arrived_at", "type", "下午")
    field.spoil(3, "wrong pattern", "event_id", "pattern", "ZH-1")
    field.repeat(9)
    field.outdate(4, {"status": "在办", "solved_at": None, "updated_at": _hour_before})
    return field


def _values(window: str, event: Happening) -> Values:
    return (
        f"ZH{window.replace('-', '')}{event.number:05d}",
        event.area,
        event.category,
        _TRACKS[event.track],
        _CHANNELS[event.channel],
        _STATUS[event.status],
        _local(event.reported),
        _local(event.arrived),
        _local(event.solved),
        _local(event.updated),
    )


def _local(at: dt.datetime | None) -> dt.datetime | None:
    return at.replace(tzinfo=None) if at else None


def _hour_before(cell: Cell) -> Cell:
    if not isinstance(cell, dt.datetime):
        raise TypeError("not a date cell")
    return cell - dt.timedelta(hours=1)
