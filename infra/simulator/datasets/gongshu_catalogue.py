"""Gongshu's resource catalogue: 66 entries, 23 of them with the faults that an audit must find."""

from __future__ import annotations

from infra.simulator.deliveries import WINDOWS, Cell, Column, Dataset, Delivery, Row, Values
from infra.simulator.identity import social_credit_code, with_wrong_check
from infra.simulator.places import GONGSHU
from infra.simulator.planting import Field

NAME = "gongshu.resource_catalogue"
ENTRIES = 66

COLUMNS = (
    Column("entry_code", "code"),
    Column("entry_name", "name"),
    Column("provider_name", "provider.name"),
    Column("provider_code", "provider.code"),
    Column("summary", "summary"),
    Column("share_class", "share.class"),
    Column("share_condition", "share.condition"),
    Column("update_cycle", "updateCycle"),
    Column("published_date", "published"),
    Column("updated_date", "updated"),
)

_SUBJECTS = ("网格", "水表", "噪声", "信访", "调解", "巡访", "隐患", "楼宇", "停车", "河道", "校园")
_KINDS = ("基础信息", "监测记录", "处置记录", "统计月报", "人员排班", "设备台账")

AUDIT_FAULTS = {
    "summary is missing": tuple(range(1, 9)),
    "a condition is missing": (9, 12, 15, 18, 21),
    "two entries have one name": (30, 31, 32, 33),
    "not updated within its cycle": (40, 41, 42, 43, 44, 45),
}
"""Numbers of the entries by the fault that the catalogue audit must find; legal by the contract."""


def dataset() -> Dataset:
    """The catalogue of each day: 66 entries that load and two that do not."""
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(NAME, window, window, _field(window).rows(), notes={"audit_faults": _audit_faults()})
            for window in WINDOWS
        ),
    )


def _audit_faults() -> int:
    return sum(len(numbers) for numbers in AUDIT_FAULTS.values())


def _field(window: str) -> Field:
    entries = [_entry(number) for number in range(1, ENTRIES + 1)]
    field = Field(NAME, window, COLUMNS, entries)
    wrong = field.changed(
        entries[0], {"entry_code": "GS-ZY-0901", "provider_code": lambda code: with_wrong_check(str(code))}
    )
    unknown = field.changed(entries[1], {"entry_code": "GS-ZY-0902", "share_class": "secret"})
    field.add(
        [
            Row(wrong, "bad", "bad social credit code", ("provider_code.social_credit_code",)),
            Row(unknown, "bad", "unknown code", ("share_class.codes",)),
        ]
    )
    field.repeat(1)
    return field


def _entry(number: int) -> Values:
    share = ("unconditional", "conditional", "not_shared")[number % 3]
    name = _SUBJECTS[number % 11] + _KINDS[number % 6]
    condition: Cell = "经提供方同意" if share != "unconditional" else None
    summary: Cell = f"示例条目：{name}"
    updated = "2024-02-28"
    if number in AUDIT_FAULTS["summary is missing"]:
        summary = None
    if number in AUDIT_FAULTS["a condition is missing"]:
        share, condition = "conditional", None
    if number in AUDIT_FAULTS["two entries have one name"]:
        name = "重复目录" + ("甲" if number < 32 else "乙")
    if number in AUDIT_FAULTS["not updated within its cycle"]:
        updated = "2022-01-05"
    return (
        f"GS-ZY-{number:04d}",
        name,
        f"示例部门{number % 7 + 1:02d}",
        social_credit_code(GONGSHU, number % 7 + 1),
        summary,
        share,
        condition,
        ("daily", "weekly", "monthly")[number % 3],
        "2023-06-16",
        updated,
    )
