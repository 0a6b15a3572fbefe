"""Workbooks: cells as texts, one sheet, and what only looks like a workbook."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Iterable

import openpyxl
import pytest

from shanhai.contracts.model import WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import Limits

XLSX = WorkbookFormat()


def workbook(
    *rows: Iterable[object], title: str = "数据", first_row: int = 1, first_column: int = 1
) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row, cells in enumerate(rows, start=first_row):
        for column, value in enumerate(cells, start=first_column):
            sheet.cell(row, column, value)
    book.create_sheet("另一个").append(["a", "b"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


CELLS = [
    ("text ", "text "),
    (123, "123"),
    (-4.0, "-4"),
    (1.25, "1.25"),
    (1e20, "100000000000000000000"),
    (330105001001, "330105001001"),
    (True, "true"),
    (False, "false"),
    (dt.date(2024, 1, 5), "2024-01-05"),
    (dt.datetime(2024, 1, 5, 10, 20, 30), "2024-01-05 10:20:30"),
    (dt.time(3, 4), "03:04:00"),
    (dt.timedelta(hours=30), "30:00:00"),
    ("'1", "'1"),
]


def test_texts_of_cells(decoded):
    outcome = decoded(workbook(["a", "b"], *([given, "x"] for given, _ in CELLS)), XLSX, "a", "b")
    assert [row[0] for row in outcome.cells] == [text for _, text in CELLS]
    assert outcome.faults == []


def test_empty_rows_and_error_cells(decoded):
    body = workbook(["a", "b"], [1, None], [None, None], ["#N/A", "x"], [None], [])
    assert decoded(body, XLSX, "a", "b").cells == [("1", None), (None, "x")]


def test_headings_missing_unknown_and_in_another_order(decoded):
    outcome = decoded(workbook(["b", "new", "a"], [2, 0, 1]), XLSX, "a", "b", "gone")
    assert outcome.cells == [("1", "2", None)]
    assert outcome.decoded.missing == ("gone",)
    assert outcome.decoded.unknown == ("new",)


def test_the_table_may_begin_anywhere(decoded):
    body = workbook(["a", "b"], [1, 2], first_row=4, first_column=3)
    assert decoded(body, WorkbookFormat(header_row=4), "a", "b").cells == [("1", "2")]
    titled = workbook(["标题"], [], ["a", "b"], [1, 2])
    assert decoded(titled, WorkbookFormat(header_row=3), "a", "b").cells == [("1", "2")]


def test_sheets_by_name_and_by_number(decoded):
    body = workbook(["a", "b"], [1, 2])
    assert decoded(body, WorkbookFormat(sheet="数据"), "a", "b").cells == [("1", "2")]
    assert decoded(body, WorkbookFormat(sheet=1), "a", "b").cells == []
    for sheet in ("无", 2):
        with pytest.raises(UnreadableError, match=r"no such sheet.*数据, 另一个"):
            decoded(body, WorkbookFormat(sheet=sheet), "a", "b")


def test_packed_workbooks(decoded):
    body = workbook(["a", "b"], [1, 2])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("表.xlsx", body)
    for packed in (body, gzip.compress(body), out.getvalue()):
        assert decoded(packed, WorkbookFormat(compression="auto"), "a", "b").cells == [("1", "2")]


def test_more_rows_than_one_batch(decoded):
    rows = [[number, str(number)] for number in range(12_345)]
    outcome = decoded(workbook(["a", "b"], *rows), XLSX, "a", "b")
    assert outcome.cells == [(str(number), str(number)) for number in range(12_345)]


def with_part(body: bytes, name: str, content: bytes) -> bytes:
    out = io.BytesIO(body)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


TABLE = workbook(["a", "b"], [1, 2])
REFUSED = {
    "empty": (b"", XLSX, "empty file"),
    "html": (b"<html>login</html>", XLSX, "HTML"),
    "text": (b"a,b\n1,2\n", XLSX, "not a workbook"),
    "cut off": (TABLE[: len(TABLE) // 2], XLSX, "not a workbook"),
    "a zip file": (with_part(b"", "a.csv", b"a,b\n"), XLSX, "not a workbook"),
    "bomb": (with_part(TABLE, "xl/media/zeros", b"0" * 3_000_000), XLSX, "unpacks to too much"),
    "climbing name": (with_part(TABLE, "../x", b""), XLSX, "leads out"),
    "far cell": (workbook(["a", "b"], *[[]] * 9_000, [1]), XLSX, "sheet is too large"),
    "heading twice": (workbook(["a", "a"], [1, 2]), XLSX, "more than once"),
    "no headings": (workbook(["a", "b"]), WorkbookFormat(header_row=5), "empty"),
}


@pytest.mark.parametrize(("body", "stated", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(decoded, body, stated, words):
    limits = Limits(ratio=50, ratio_from_bytes=1_000_000, sheet_cells=10_000)
    with pytest.raises(UnreadableError, match=words):
        decoded(body, stated, "a", "b", limits=limits)
