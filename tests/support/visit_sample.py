"""A sample of visits to people at home: every type of column, as text and as objects."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime, timedelta
from typing import Any

PERSON = "11010519491231002X"
NAMES = ("王小明", "李芳", "张伟", "刘洋")
STREET = "东门街"
HEADINGS = (
    "走访编号",
    "姓名",
    "身份证号",
    "住址",
    "走访事由",
    "走访时间",
    "用水量（立方米）",
    "人数",
    "经度",
    "纬度",
    "是否空巢",
    "备注",
)
TYPES = dict(
    zip(
        HEADINGS,
        (*("string",) * 5, "timestamp", "number", "integer", "number", "number", "boolean", "string"),
        strict=True,
    )
)
ROWS = 240


def table() -> list[list[str]]:
    start = datetime(2024, 3, 1, 8)
    return [
        [
            f"V{number:06}",
            NAMES[number % 4],
            PERSON,
            f"{STREET}{number}号",
            ("探望", "巡查", "调解")[number % 3],
            f"{start + timedelta(minutes=7 * number):%Y/%m/%d %H:%M}",
            "-" if number % 11 == 0 else f"{number / 8:.3f}",
            str(number % 7),
            f"{119.1 + number / 10000:.5f}",
            f"{29.0 + number / 10000:.5f}",
            "是" if number % 5 else "否",
            "" if number % 3 else f"第{number}次，门锁着",
        ]
        for number in range(ROWS)
    ]


def text(delimiter: str = ",", *, header: bool = True) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([HEADINGS, *table()] if header else table())
    return out.getvalue()


def objects() -> list[dict[str, Any]]:
    return [{name: cell or None for name, cell in zip(HEADINGS, cells, strict=True)} for cells in table()]


def zipped(data: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "see data.csv")
        archive.writestr("data.csv", data or text())
    return out.getvalue()
