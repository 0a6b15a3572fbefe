"""Workbooks that claim what would take the whole process with it: refused before they are opened."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
import xlsxwriter

from shanhai.contracts.model import WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import Limits
from shanhai.ingest.decode.sheet_guard import PartSearch
from tests.support.documents import Document

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEADING = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
NUMBER = "<v>1</v></c>"


def changed(book: bytes, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """The workbook with its parts renamed and rewritten."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as given, zipfile.ZipFile(out, "w") as taken:
        for info in given.infolist():
            name, content = change(info.filename, given.read(info))
            taken.writestr(name, content)
    return out.getvalue()


def xlsx(rows: str, *, before: str = "", after: str = "", part: str = "worksheets/sheet1.xml") -> bytes:
    """A workbook with one sheet: a heading `a` in A1, and the XML of the rows below it."""
    book, plain = openpyxl.Workbook(), io.BytesIO()
    book.save(plain)
    sheet = f'<worksheet xmlns="{MAIN}">{before}<sheetData>{HEADING}{rows}</sheetData>{after}</worksheet>'

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "xl/worksheets/sheet1.xml":
            return f"xl/{part}", sheet.encode()
        return name, content.replace(b"worksheets/sheet1.xml", part.encode())

    return changed(plain.getvalue(), change)


def one(place: str) -> str:
    return f'<row r="2"><c r="{place}">{NUMBER}</row>'


FAR = {
    "far away": xlsx(one("ZZZZ9999999999")),
    "too many letters": xlsx(one("Z" * 300_000 + "2")),
    "too many digits": xlsx(one("A" + "9" * 300_000)),
    "a column too far": xlsx(one("XFE2")),
    "a row too far": xlsx(one("A1048577")),
    "small letters": xlsx(one("zzzz9999999")),
    "blanks around the sign": xlsx(f'<row r="2"><c r{" " * 300_000}=\n"ZZZZ9999999">{NUMBER}</row>'),
    "another attribute first": xlsx(f'<row r="2"><c s="0" r="ZZZZ9999999">{NUMBER}</row>'),
    "in single quotes": xlsx(one("A2").replace('r="A2"', "r='ZZZZ9999999'")),
    "between blocks": xlsx(f'<!--{"x" * 261_700}{" " * 300}--><row r="2"><c r="ZZZZ9999999">{NUMBER}</row>'),
    "a row's own number": xlsx(f'<row r="4294967295"><c>{NUMBER}</row>'),
    "an empty row": xlsx('<row r="99999999"/>'),
    "the stated extent": xlsx(one("A2"), before='<dimension ref="A1:ZZZZ4294967295"/>'),
    "a merged area": xlsx(one("A2"), after='<mergeCells><mergeCell ref="A1:ZZZZ9999999"/></mergeCells>'),
    "a shared formula": xlsx(
        f'<row r="2"><c r="A2"><f t="shared" si="0" ref="A2:ZZZZ9999999">A1</f>{NUMBER}</row>'
    ),
    "a part of another name": xlsx(one("ZZZZ9999999"), part="other/cells.bin"),
    "after a row that never ends": xlsx(one("XFD2").replace("</row>", f"<c>{NUMBER}</row>")),
}


@pytest.mark.parametrize("body", FAR.values(), ids=FAR)
def test_places_outside_a_sheet_are_refused(decoded, body):
    with pytest.raises(UnreadableError, match=r"a place outside a sheet.*A1 to XFD1048576"):
        decoded(body, WorkbookFormat(), "a")


def test_a_place_is_shown_cut_off(decoded):
    with pytest.raises(UnreadableError) as caught:
        decoded(FAR["too many letters"], WorkbookFormat(), "a")
    assert f"given: {'Z' * 24}…;" in str(caught.value)


WIDE_AND_LONG = xlsx(f"<row>{f'<c>{NUMBER}' * 5_000}</row>" + f"<row><c>{NUMBER}</row>" * 5_000)
ROWS_LEFT_OUT = xlsx("<row/>" * 100_000 + f"<row><c>{NUMBER}<c r='Z2'/></row>")


@pytest.mark.parametrize("body", [WIDE_AND_LONG, ROWS_LEFT_OUT], ids=["counted", "far below"])
def test_cells_that_do_not_say_where_they_are_are_placed_as_the_reader_does(decoded, body):
    with pytest.raises(UnreadableError, match="a sheet is too large"):
        decoded(body, WorkbookFormat(), "a", limits=Limits(sheet_cells=2_000_000))


HARMLESS = {
    "no places at all": xlsx(f"<row><c>{NUMBER}</row>"),
    "a place after the style": xlsx(f'<row r="2"><c s="0" r="A2">{NUMBER}</row>'),
    "a text about a place": xlsx(
        one("A2"), after='<headerFooter><oddHeader>r="ZZZZ9999999"</oddHeader></headerFooter>'
    ),
    "a remark": xlsx(one("A2") + '<!-- <c r="ZZZZ9999999"/> -->'),
    "the largest extent": xlsx(one("A2"), before='<dimension ref="A1:XFD1048576"/>'),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_far_away_is_read(decoded, body):
    assert decoded(body, WorkbookFormat(), "a").cells == [("1",)]


def test_usual_workbooks_are_only_searched():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().write_row("A1", range(20))
    for usual in (out.getvalue(), xlsx(one("A2"))):
        with zipfile.ZipFile(io.BytesIO(usual)) as archive:
            search = PartSearch(Limits(), loads_tables=True)
            search.see(archive.read("xl/worksheets/sheet1.xml"))
            search.see(b"")
        assert (search.is_sheet, search.is_suspect) == (True, False)


def tabled(part: str, given: bytes, replaced: bytes) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        book.add_worksheet().add_table("A1:A2", {"name": "t", "columns": [{"header": "a"}], "data": [[1]]})
    return changed(
        out.getvalue(),
        lambda name, content: (name, content.replace(given, replaced) if part in name else content),
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (tabled("tables/", b'ref="A1:A2"', b'ref="A1:XFD1048576"'), "a sheet is too large"),
        (tabled("sharedStrings", b'uniqueCount="1"', b'uniqueCount="99999999999"'), "99999999999 texts"),
    ],
    ids=["a table", "texts"],
)
def test_room_that_is_only_claimed(decoded, body, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, WorkbookFormat(table="t"), "a")


def test_room_for_a_table_is_made_only_where_the_contract_names_one(decoded):
    body = tabled("tables/", b'ref="A1:A2"', b'ref="A1:P1048576"')
    assert decoded(body, WorkbookFormat(), "a").cells == [("1",)]
    with pytest.raises(UnreadableError, match="a sheet is too large"):
        decoded(body, WorkbookFormat(table="t"), "a")


def test_an_unused_table_outside_a_sheet_is_refused(decoded):
    body = tabled("tables/", b'ref="A1:A2"', b'ref="A1:XFE1048577"')
    with pytest.raises(UnreadableError, match="a place outside a sheet"):
        decoded(body, WorkbookFormat(), "a")


def test_merged_areas_cannot_make_up_for_each_other(decoded):
    merges = '<mergeCell ref="A1:A1048576"/><mergeCell ref="A1048576:A1"/>'
    body = xlsx(one("A2"), after=f"<mergeCells>{merges}</mergeCells>")
    with pytest.raises(UnreadableError, match="ends before it begins"):
        decoded(body, WorkbookFormat(fill_merged=True), "a", limits=Limits(sheet_cells=400))


def repeated(cell: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{cell}</table:table-row>'


CELL = '<table:table-cell office:value-type="float" office:value="1"/>'
MANY = 'table:number-columns-repeated="99999999999"'
LONG = f'<table:table-cell office:value-type="string"><text:p>{"x" * 30_000}</text:p></table:table-cell>'
INNER = "<table:table-cell><table:table></table:table></table:table-cell>"
DOCUMENTS = {
    "columns": (repeated(f'<table:table-cell {MANY} office:value="1"/>'), "a sheet is too large"),
    "formulas": (repeated(f'<table:table-cell {MANY} table:formula="of:=1"/>'), "a sheet is too large"),
    "empty columns": (repeated(f"<table:table-cell {MANY}/><table:table-cell/>"), "a sheet is too large"),
    "rows": (repeated(CELL, 99_999_999_999), "a sheet is too large"),
    "less than never": (repeated(f'<table:table-cell table:number-columns-repeated="-9"/>{CELL}'), "broken"),
    "a table inside": (repeated(CELL + INNER, 10_000) + repeated(CELL * 2_000), "a sheet is too large"),
    "long texts": (repeated(LONG, 100_000), "characters of texts"),
    "blanks": (
        repeated(LONG.replace("</text:p>", '<text:s text:c="99999999999"/></text:p>')),
        "characters of texts",
    ),
}


@pytest.mark.parametrize(("rows", "words"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_that_repeat_too_often(decoded, rows, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(Document(rows=rows).bytes(), WorkbookFormat(kind="ods"), "a")


def test_a_document_counts_by_the_names_that_its_reader_looks_for(decoded):
    space = b"urn:oasis:names:tc:opendocument:xmlns:table:1.0"
    body = changed(
        Document(rows=DOCUMENTS["rows"][0]).bytes(),
        lambda name, content: (name, content.replace(space, b"urn:x:another")),
    )
    with pytest.raises(UnreadableError, match="a sheet is too large"):
        decoded(body, WorkbookFormat(kind="ods"), "a")


def test_a_part_that_another_reader_takes_first(decoded):
    body = changed(
        Document(rows=repeated(CELL)).bytes(),
        lambda name, content: (name.replace("META-INF/manifest.xml", "XL/Workbook.bin"), content),
    )
    with pytest.raises(UnreadableError, match=r"another kind of workbook.*xlsb"):
        decoded(body, WorkbookFormat(kind="ods"), "a")
