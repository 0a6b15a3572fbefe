"""Rows to the bytes that a district sends: JSON records, GB18030 CSV, Excel workbooks."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from infra.simulator.deliveries import Cell, Column, Row

CREATED = dt.datetime.fromisoformat("2024-03-01T00:00:00")
XLSX_TITLE = "模拟数据，非真实记录 (generated data, nothing in it is real)"
XLSX_HEADER_ROW = 2


def json_records(columns: Sequence[Column], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Records with the nesting that the dotted paths of the columns describe; missing values are null."""
    return [_nested(columns, row) for row in rows]


def csv_bytes(columns: Sequence[Column], rows: Sequence[Row], encoding: str) -> bytes:
    """A file with a header and CRLF; malformed rows as they are."""
    out = io.BytesIO()
    out.write(_csv_line([column.source for column in columns], encoding))
    for row in rows:
        out.write(row.raw + b"\r\n" if row.raw is not None else _csv_line(row.values, encoding))
    return out.getvalue()


def xlsx_bytes(columns: Sequence[Column], rows: Sequence[Row], sheet: str) -> bytes:
    """A workbook of one sheet: a title that says what this is, headings, rows. No time of day in it."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
    book.set_properties({"title": XLSX_TITLE, "created": CREATED})
    page = book.add_worksheet(sheet)
    page.write_string(0, 0, XLSX_TITLE)
    page.write_row(XLSX_HEADER_ROW - 1, 0, [column.source for column in columns])
    for number, row in enumerate(rows, start=XLSX_HEADER_ROW):
        for place, cell in enumerate(row.values):
            if isinstance(cell, str):
                page.write_string(number, place, cell)
            elif cell is not None:
                page.write(number, place, cell)
    book.close()
    return out.getvalue()


def _nested(columns: Sequence[Column], row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, cell in zip(columns, row.values, strict=True):
        *parents, leaf = column.source.split(".")
        place = record
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = cell
    return record


def _csv_line(cells: Sequence[Cell], encoding: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode(encoding)
