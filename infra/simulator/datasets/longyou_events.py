"""Longyou's 12345 work orders: Chinese headings, words and dates in a GB18030 file."""

from __future__ import annotations

import datetime as dt

from infra.simulator.deliveries import WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.happenings import SHANGHAI, Happening, happenings, impossible_orders
from infra.simulator.places import LONGYOU
from infra.simulator.planting import Field

NAME = "longyou.events"
PER_DAY = 3000
ENCODING = "gb18030"

COLUMNS = (
    Column("event_id", "工单编号"),
    Column("area_code", "行政区划代码"),
    Column("category", "诉求类别"),
    Column("channel", "来源渠道"),
    Column("status", "工单状态"),
    Column("accepted_date", "受理日期"),
    Column("reported_at", "来电时间"),
    Column("signed_at", "签收时间"),
    Column("dispatched_at", "派单时间"),
    Column("arrived_at", "到场时间"),
    Column("solved_at", "办结时间"),
    Column("handling_unit", "承办单位"),
    Column("updated_at", "更新时间"),
)

_CHANNELS = {"sensor": "物联设备", "platform": "综合平台", "grid_staff": "网格员", "public": "群众来电"}
_STATUS = {"open": "办理中", "closed": "已办结", "cancelled": "已作废"}
_FULL_WIDTH = str.maketrans("0123456789LY", "０１２３４５６７８９ＬＹ")


def dataset() -> Dataset:
    """Three days; the third corrects rows of the first, and all versions of an order stay."""
    days = [happenings(NAME, LONGYOU, window, PER_DAY + 45 * day) for day, window in enumerate(WINDOWS)]
    fields = [_field(window, day) for window, day in zip(WINDOWS, days, strict=True)]
    corrected = fields[0].reserve(22)
    fields[2].add([_correction(fields[2], values) for values in corrected])
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
    field.mangle(7, "ragged line, too short", lambda values: line(values[:-4]))
    field.mangle(6, "ragged line, too long", lambda values: line((*values, "多出", "两格")))
    field.mangle(5, "undecodable bytes", lambda values: line(values).replace(b",", b"\xff,", 1))
    field.end_with("unterminated quote", lambda values: line(values[:5]) + ',"一直没有结束'.encode(ENCODING))
    field.spoil(8, "missing required", "reported_at", "required", "")
    field.spoil(9, "unknown code", "status", "codes", "已转办")
    field.spoil(6, "unknown area code", "area_code", "area_code", "330825999999")
    field.spoil(5, "impossible date", "accepted_date", "type", "2024年2月30日")
    field.spoil(5, "bad type", "arrived_at", "type", "半小时后")
    field.spoil(4, "wrong pattern", "event_id", "pattern", lambda text: f"{text}-补")
    field.spoil(3, "too long text", "handling_unit", "length", "示例街道办事处" * 8)
    field.disguise(20, "full-width digits", "event_id", lambda text: str(text).translate(_FULL_WIDTH))
    field.disguise(12, "null token", "solved_at", "-")
    field.disguise(6, "quoted delimiter", "handling_unit", "示例一科,示例二科")
    field.disguise(2, "quoted line break", "handling_unit", "示例一科\n示例二科")
    field.disguise(9, "spaces around", "category", lambda text: f"  {text} ")
    field.repeat(15)
    field.outdate(8, {"status": "办理中", "solved_at": "", "updated_at": _hour_before}, loses=False)
    return field


def line(values: Values) -> bytes:
    """Cells as one line of the file, unquoted."""
    return ",".join(str(value) for value in values).encode(ENCODING)


def _values(window: str, event: Happening) -> Values:
    day = event.reported
    stamps = (event.reported, event.signed, event.dispatched, event.arrived, event.solved)
    return (
        f"LY{window.replace('-', '')}{event.number:06d}",
        event.area,
        event.category,
        _CHANNELS[event.channel],
        _STATUS[event.status],
        f"{day.year}年{day.month}月{day.day}日",
        *(_written(stamp) for stamp in stamps),
        f"示例单位{event.number % 23 + 1:02d}",
        _written(event.updated),
    )


def _written(at: dt.datetime | None) -> str:
    """`2024/3/1 8:05:00`, as the county's system exports it."""
    if at is None:
        return ""
    return f"{at.year}/{at.month}/{at.day} {at.hour}:{at.minute:02d}:{at.second:02d}"


def _hour_before(cell: object) -> str:
    at = dt.datetime.strptime(str(cell), "%Y/%m/%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return _written(at - dt.timedelta(hours=1))


def _correction(field: Field, values: Values) -> Row:
    at = _written(dt.datetime(2024, 3, 3, 10, 0, tzinfo=SHANGHAI))
    changed = field.changed(values, {"status": "已办结", "updated_at": at})
    return Row(changed, fault="late correction")
