"""Several tables in a sheet, headings of several rows, merged cells, other kinds of workbooks, and bombs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet
from pydantic import ValidationError

from shanhai.contracts.model import WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import Limits
from tests.support.documents import Document, ods


def sheet(fill: Callable[[Worksheet], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book.active)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def put(at: Worksheet, corner: str, *rows: list[object]) -> None:
    top, left = at[corner].row, at[corner].column
    for row, cells in enumerate(rows, start=top):
        for column, value in enumerate(cells, start=left):
            at.cell(row, column, value)


def two_tables(at: Worksheet) -> None:
    put(at, "A1", ["年报"])
    put(at, "B3", ["a", "b"], [1, 2], [None, None], [3, 4])
    put(at, "E3", ["x", "y", "z"], [5, 6, 7], [8, 9, 10])
    put(at, "B9", ["合计", "n"], ["all", 6])


@pytest.mark.parametrize(
    ("stated", "sources", "cells"),
    [
        (WorkbookFormat(range="B3:C6"), ("a", "b"), [("1", "2"), ("3", "4")]),
        (WorkbookFormat(range="B3", ends="blank_row"), ("a", "b"), [("1", "2")]),
        (WorkbookFormat(range="E3"), ("x", "z"), [("5", "7"), ("8", "10")]),
        (WorkbookFormat(range="E3:G"), ("x", "z"), [("5", "7"), ("8", "10")]),
        (WorkbookFormat(range="E2:G", header_row=2), ("x", "z"), [("5", "7"), ("8", "10")]),
        (WorkbookFormat(range="F3:G5"), ("y", "z"), [("6", "7"), ("9", "10")]),
        (WorkbookFormat(range="B9"), ("合计", "n"), [("all", "6")]),
        (WorkbookFormat(range="E4:F5", header_rows=0), ("1", "2"), [("5", "6"), ("8", "9")]),
    ],
)
def test_tables_in_one_sheet(decoded, stated, sources, cells):
    ignored = ("y",) if "x" in sources else ()
    outcome = decoded(sheet(two_tables), stated, *sources, ignored=ignored)
    assert outcome.cells == cells
    assert (outcome.decoded.missing, outcome.decoded.unknown) == ((), ())


def test_a_table_that_grew_below_its_range_is_reported(decoded):
    body = sheet(two_tables)
    stated = WorkbookFormat(range="E3:G4")
    outcome = decoded(body, stated, "x", "y", "z")
    assert outcome.cells == [("5", "6", "7")]
    assert outcome.decoded.unknown == ("row 5",)
    assert decoded(body, stated, "x", "y", "z", ignored=("row 5",)).decoded.unknown == ()


def test_a_cell_without_a_heading_makes_its_row_ragged(decoded):
    body = sheet(lambda at: put(at, "A1", ["a", "b"], [1, 2], [3, 4, None, "来源"], [5, 6]))
    outcome = decoded(body, WorkbookFormat(), "a", "b")
    assert outcome.cells == [("1", "2"), (None, None), ("5", "6")]
    assert outcome.faults == [(2, "ragged", '["3", "4", null, "来源"]')]


def test_tables_that_excel_knows_by_name(decoded):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        at = book.add_worksheet("数据")
        columns = [{"header": "a"}, {"header": "b", "total_function": "sum"}]
        at.add_table(
            "B3:C6", {"name": "水表", "columns": columns, "data": [[1, 2], [3, 4]], "total_row": True}
        )
        at.add_table("F3:F5", {"name": "电表", "columns": [{"header": "a"}], "data": [[5], [6]]})
    assert decoded(out.getvalue(), WorkbookFormat(table="水表"), "a", "b").cells == [("1", "2"), ("3", "4")]
    assert decoded(out.getvalue(), WorkbookFormat(table="电表"), "a").cells == [("5",), ("6",)]
    with pytest.raises(UnreadableError, match=r"no such table.*水表, 电表"):
        decoded(out.getvalue(), WorkbookFormat(table="气表"), "a")


def banded(at: Worksheet) -> None:
    put(
        at,
        "A1",
        ["区县", "用水量", None, "备注"],
        [None, "居民", "单位", None],
        ["甲", 1, 2, "x"],
        ["乙", 3, 4, None],
    )
    for area in ("A1:A2", "B1:C1", "D1:D2"):
        at.merge_cells(area)


BANDED = ("区县", "用水量/居民", "用水量/单位", "备注")


def test_headings_of_several_rows(decoded):
    stated = WorkbookFormat(header_rows=2, separator="/")
    outcome = decoded(sheet(banded), stated, *BANDED)
    assert outcome.cells == [("甲", "1", "2", "x"), ("乙", "3", "4", None)]
    assert (outcome.decoded.missing, outcome.decoded.unknown) == ((), ())
    part = stated.model_copy(update={"range": "B1:C4"})
    assert decoded(sheet(banded), part, *BANDED[1:3]).cells == [("1", "2"), ("3", "4")]


def test_an_upper_heading_goes_on_to_the_right_where_merged_cells_are_not_known(decoded):
    body = ods([["区县", "用水量", None, "备注"], [None, "居民", "单位", None], ["甲", 1, 2, "x"]])
    stated = WorkbookFormat(kind="ods", header_rows=2, separator="/")
    assert decoded(body, stated, *BANDED).cells == [("甲", "1", "2", "x")]


def test_merged_cells_of_records(decoded):
    def fill(at: Worksheet) -> None:
        put(
            at,
            "A1",
            ["区", "街道", "n"],
            ["甲", "一", 1],
            [None, "二", 2],
            ["乙", "三", 3],
            [None, None, None],
        )
        at.merge_cells("A2:A3")
        at.merge_cells("A4:B5")

    assert decoded(sheet(fill), WorkbookFormat(), "区", "街道", "n").cells[1] == (None, "二", "2")
    stated = WorkbookFormat(fill_merged=True)
    assert decoded(sheet(fill), stated, "区", "街道", "n").cells == [
        ("甲", "一", "1"),
        ("甲", "二", "2"),
        ("乙", "乙", "3"),
        ("乙", "乙", None),
    ]


def test_open_document_spreadsheets(decoded):
    body = ods([["a", "b"], [1, "x"], [None, None], [1.25, True], ["龙", None]], [["c"], [9]])
    stated = WorkbookFormat(kind="ods")
    assert decoded(body, stated, "a", "b").cells == [("1", "x"), ("1.25", "true"), ("龙", None)]
    assert decoded(body, WorkbookFormat(kind="ods", sheet="表2"), "c").cells == [("9",)]


REPEATED = (
    '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
)
BOMB = f'<table:table-row table:number-rows-repeated="1048576">{REPEATED}</table:table-row>'
CELL = '<table:table-cell office:value-type="float" office:value="1"/>'
FAR = f'<table:table-row table:number-rows-repeated="900000"/><table:table-row>{REPEATED}</table:table-row>'
DOCTYPE = '<!DOCTYPE x [<!ENTITY a "b">]>'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (Document(rows=BOMB).bytes(), "a sheet is too large"),
        (Document(rows=FAR).bytes(), "a sheet is too large"),
        (Document(rows=f"<table:table-row>{CELL}</table:table-row>", before=DOCTYPE).bytes(), "broken XML"),
        (Document(rows="<table:table-row>").bytes(), "broken XML"),
        (Document(rows="", manifest="<manifest:encryption-data/>").bytes(), "encrypted"),
    ],
    ids=["bomb", "far", "doctype", "broken", "encrypted"],
)
def test_documents_that_are_refused_before_they_are_opened(decoded, body, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, WorkbookFormat(kind="ods"), "a")


def test_rows_repeated_without_cells_are_no_danger(decoded):
    rows = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
        f'</table:table-row><table:table-row table:number-rows-repeated="3">{CELL}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048571">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    assert decoded(Document(rows=rows).bytes(), WorkbookFormat(kind="ods"), "a").cells == [("1",)] * 3


def test_cells_that_do_not_say_where_they_are_count(decoded):
    plain = sheet(lambda at: put(at, "A1", ["a"], [1]))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as given, zipfile.ZipFile(out, "w") as taken:
        for info in given.infolist():
            content = given.read(info)
            if info.filename.endswith("sheet1.xml"):
                content = content.replace(
                    b"</sheetData>", b"<row>" + b"<c><v>1</v></c>" * 500 + b"</row></sheetData>"
                )
            taken.writestr(info, content)
    with pytest.raises(UnreadableError, match="a sheet is too large"):
        decoded(out.getvalue(), WorkbookFormat(), "a", limits=Limits(sheet_cells=400))


def test_long_texts_have_a_limit(decoded):
    body = sheet(lambda at: put(at, "A1", ["a"], ["x" * 30_000]))
    with pytest.raises(UnreadableError, match="too large to hold"):
        decoded(body, WorkbookFormat(), "a", limits=Limits(workbook_bytes=20_000))


def test_merged_areas_have_a_limit(decoded):
    def fill(at: Worksheet) -> None:
        put(at, "A1", ["a"], [1])
        at.merge_cells("A2:T40")

    limits = Limits(sheet_cells=400)
    assert decoded(sheet(fill), WorkbookFormat(), "a", limits=limits).cells == [("1",)]
    with pytest.raises(UnreadableError, match="merged areas are too large"):
        decoded(sheet(fill), WorkbookFormat(fill_merged=True), "a", limits=limits)


KINDS = {
    "an .ods as .xlsx": (ods([["a"], [1]]), "xlsx", "another kind of workbook.*ods"),
    "an .xlsx as .ods": (
        sheet(lambda at: put(at, "A1", ["a"], [1])),
        "ods",
        "another kind of workbook.*xlsx",
    ),
    "an .xlsx as .xls": (sheet(lambda at: put(at, "A1", ["a"], [1])), "xls", "another kind of workbook"),
    "half a compound file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "xls", "old Office document"),
    "a broken .xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "Workbook".encode("utf-16-le"),
        "xls",
        "damaged",
    ),
    "an encrypted .xlsx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "xlsx",
        "encrypted",
    ),
}


@pytest.mark.parametrize(("body", "kind", "words"), KINDS.values(), ids=KINDS)
def test_another_kind_than_the_stated_one(decoded, body, kind, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, WorkbookFormat(kind=kind), "a")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"range": "b3"}, "a range is written"),
        ({"range": "C3:A9"}, "upper left"),
        ({"range": "A9:C3"}, "upper left"),
        ({"table": "t", "range": "A1"}, "knows its place"),
        ({"table": "t", "sheet": 1}, "knows its place"),
        ({"table": "t", "kind": "ods"}, "only an xlsx"),
        ({"table": "t", "header_rows": 2}, "one row of headings"),
        ({"kind": "ods", "fill_merged": True}, "not known"),
        ({"range": "B3", "header_rows": 0}, "says where it ends"),
    ],
)
def test_options_that_make_no_sense(given, words):
    with pytest.raises(ValidationError, match=words):
        WorkbookFormat(**given)
