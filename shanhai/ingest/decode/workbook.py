"""One sheet of an Excel workbook, its cells as texts.

Dates are 2024-01-05, times of day 10:20:30, both together 2024-01-05 10:20:30; durations 30:00:00; whole
numbers have no decimal point, others their shortest text; booleans are true and false; an error such as #N/A
is an empty cell. A row without any cell is no record.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import python_calamine as calamine

from shanhai.contracts.model import Contract, WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import DAMAGED, check_bomb, check_member_name, member_blocks
from shanhai.ingest.decode.decoded import BodyCount, BodyFile, Limits
from shanhai.ingest.decode.headings import Placement, place, shown
from shanhai.ingest.decode.raw_table import insert_raw

_BATCH_ROWS = 10_000
_CELL_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_PLACE_BYTES = 16
_BATCH_NAME = "_sheet_batch"


def decode_workbook(
    con: duckdb.DuckDBPyConnection, contract: Contract, stated: WorkbookFormat, body: BodyFile, limits: Limits
) -> BodyCount:
    """Append the rows of one sheet to `raw`.

    Raises:
        UnreadableError: no workbook, a bomb, no such sheet, no row of headings, a heading twice.
    """
    check_workbook(body, limits)
    rows = _rows(body, stated)
    headings = next(itertools.islice(rows, stated.header_row - 1, None), None)
    if headings is None or not any(headings):
        raise UnreadableError(
            f"{body.name}: empty", given=f"nothing in row {stated.header_row}", allowed="a row of headings"
        )
    while headings and headings[-1] is None:
        headings.pop()
    placement = place(contract, [text or "" for text in headings], body.name)
    filled = (row for row in rows if any(cell is not None for cell in row))
    count = 0
    while batch := list(itertools.islice(filled, _BATCH_ROWS)):
        count += _append(con, placement, body.name, batch)
    return BodyCount(count, 0, placement.missing, placement.unknown)


def _append(
    con: duckdb.DuckDBPyConnection, placement: Placement, body: str, rows: Sequence[list[str | None]]
) -> int:
    columns = {
        f"c{position}": pa.array([_cell(row, position) for row in rows], pa.string())
        for position in range(placement.width)
    }
    con.register(_BATCH_NAME, pa.table(columns))
    try:
        cells = ["NULL" if position is None else f"c{position}" for position in placement.positions]
        return insert_raw(con, cells, body, f"NULL, NULL FROM {_BATCH_NAME}")
    finally:
        con.unregister(_BATCH_NAME)


def _cell(row: list[str | None], position: int) -> str | None:
    return row[position] if position < len(row) else None


def _rows(body: BodyFile, stated: WorkbookFormat) -> Iterator[list[str | None]]:
    try:
        with calamine.CalamineWorkbook.from_path(body.path) as workbook:
            sheet = _sheet(workbook, body, stated.sheet)
            for row in sheet.iter_rows():
                yield [cell_text(cell) for cell in row]
    except calamine.CalamineError as error:
        raise UnreadableError(f"{body.name}: not a workbook", given=error, allowed="an .xlsx file") from error


def _sheet(workbook: calamine.CalamineWorkbook, body: BodyFile, wanted: str | int) -> calamine.CalamineSheet:
    names = workbook.sheet_names
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        return workbook.get_sheet_by_index(wanted)
    if isinstance(wanted, str) and wanted in names:
        return workbook.get_sheet_by_name(wanted)
    allowed = [shown(name, number) for number, name in enumerate(names, start=1)]
    raise UnreadableError(f"{body.name}: no such sheet", given=wanted, allowed=allowed)


def cell_text(value: object) -> str | None:
    """The text of a cell; None: nothing in it."""
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return _duration(value)
        case _:
            raise TypeError(f"a cell of an unknown kind: {type(value).__name__}")


def _duration(value: dt.timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def check_workbook(body: BodyFile, limits: Limits) -> None:
    """Unpack every part of a workbook once, counting, before the reader may open it.

    The reader holds a sheet as one rectangle, so a single cell far away costs as much as all in between: the
    places of cells are counted too.

    Raises:
        UnreadableError: no workbook, encrypted, a bomb, or a sheet that is too large.
    """
    packed = body.path.stat().st_size
    try:
        with zipfile.ZipFile(body.path) as archive:
            declared = sum(info.file_size for info in archive.infolist())
            check_bomb(body.name, packed, declared, limits)
            done = 0
            for info in archive.infolist():
                check_member_name(info, body.name)
                done = _check_part(body, archive, info, done, limits)
            if "[Content_Types].xml" not in archive.namelist():
                raise UnreadableError(f"{body.name}: not a workbook", given="a zip file", allowed="an .xlsx")
    except DAMAGED as error:
        raise UnreadableError(
            f"{body.name}: not a workbook", given=_first_bytes(body.path), allowed="an .xlsx file"
        ) from error


def _check_part(
    body: BodyFile, archive: zipfile.ZipFile, info: zipfile.ZipInfo, done: int, limits: Limits
) -> int:
    is_sheet = info.filename.startswith("xl/worksheets/")
    width = height = 0
    tail = b""
    packed = body.path.stat().st_size
    for block in member_blocks(archive, info, limits):
        done += len(block)
        check_bomb(body.name, packed, done, limits)
        if is_sheet:
            for column, row in _CELL_PLACE.findall(tail + block):
                width, height = max(width, _column_number(column)), max(height, int(row))
            tail = block[-_PLACE_BYTES:]
    if width * height > limits.sheet_cells:
        raise UnreadableError(
            f"{body.name}: a sheet is too large",
            given=f"{height} rows × {width} columns",
            allowed=f"{limits.sheet_cells} cells",
            hint="look for a stray cell far away",
        )
    return done


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _first_bytes(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(256).lstrip()
    if not start:
        return "an empty file"
    return "a page of HTML" if start[:1] == b"<" else "something else"
