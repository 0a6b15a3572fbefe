"""The part of a workbook that holds one table: its rows as texts, merged areas filled if wanted."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import python_calamine as calamine

from shanhai.contracts.formats import cell_range
from shanhai.contracts.model import WorkbookFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.ingest.decode.headings import shown

Cells = list[str | None]
Merge = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Area:
    """Where a table stands, from 0, the last row and column included; None: to the end of the sheet."""

    top: int = 0
    left: int = 0
    bottom: int | None = None
    right: int | None = None


@dataclass(frozen=True)
class Sheet:
    """One table of a workbook.

    Attributes:
        rows: all rows of its sheet, from the first cell on.
        area: where headings and rows stand; of an Excel table, its rows alone; without a range, all from the
            first column that has a cell.
        headings: those of an Excel table; None: they stand in the area.
        merges: merged areas, upper left and lower right cell; None: the format does not tell.
    """

    rows: Iterator[Cells]
    area: Area
    headings: tuple[str, ...] | None
    merges: tuple[Merge, ...] | None


@contextmanager
def opened(body: BodyFile, stated: WorkbookFormat) -> Iterator[Sheet]:
    """The table that the contract states.

    Raises:
        UnreadableError: the reader cannot read it, it is encrypted, or there is no such sheet or table.
    """
    try:
        with calamine.CalamineWorkbook.from_path(body.path, load_tables=stated.table is not None) as workbook:
            yield _table(workbook, body, stated.table) if stated.table else _sheet(workbook, body, stated)
    except calamine.PasswordError as error:
        raise UnreadableError(
            f"{body.name}: the workbook is encrypted",
            given="a workbook with a password",
            allowed="one without",
            hint="ask the source for the workbook without a password",
        ) from error
    except calamine.CalamineError as error:
        raise _unreadable(body, stated) from error
    except BaseException as error:
        # The reader is written in Rust; what it never expected leaves it as a panic, no `Exception`.
        if type(error).__name__ == "PanicException":
            raise _unreadable(body, stated) from None
        raise


def first_rows(body: BodyFile, stated: WorkbookFormat, rows: int, sheets: int) -> dict[str, list[Cells]]:
    """By name, the first rows of the first sheets of a workbook, from its first row and column on.

    Raises:
        UnreadableError: the reader cannot read it, or it is encrypted.
    """
    try:
        with calamine.CalamineWorkbook.from_path(body.path) as workbook:
            return {
                name: list(itertools.islice(_rows(workbook.get_sheet_by_name(name)), rows))
                for name in workbook.sheet_names[:sheets]
            }
    except calamine.CalamineError as error:
        raise _unreadable(body, stated) from error


def _unreadable(body: BodyFile, stated: WorkbookFormat) -> UnreadableError:
    return UnreadableError(
        f"{body.name}: not a workbook",
        given="a damaged workbook",
        allowed=f"an .{stated.kind} file",
        hint="pull it again, or ask the source to save it anew",
    )


def _sheet(workbook: calamine.CalamineWorkbook, body: BodyFile, stated: WorkbookFormat) -> Sheet:
    names, wanted = workbook.sheet_names, stated.sheet
    if isinstance(wanted, int) and 0 <= wanted < len(names):
        sheet = workbook.get_sheet_by_index(wanted)
    elif isinstance(wanted, str) and wanted in names:
        sheet = workbook.get_sheet_by_name(wanted)
    else:
        allowed = [shown(name, number) for number, name in enumerate(names, start=1)]
        raise UnreadableError(f"{body.name}: no such sheet", given=wanted, allowed=allowed)
    _, left = sheet.start or (0, 0)
    area = Area(*cell_range(stated.range)) if stated.range else Area(left=left)
    return Sheet(_rows(sheet), area, None, _merges(sheet))


def _table(workbook: calamine.CalamineWorkbook, body: BodyFile, wanted: str) -> Sheet:
    names = workbook.table_names or []
    if wanted not in names:
        allowed = [shown(name, number) for number, name in enumerate(names, start=1)]
        raise UnreadableError(f"{body.name}: no such table", given=wanted, allowed=allowed or "none")
    table = workbook.get_table_by_name(wanted)
    sheet = workbook.get_sheet_by_name(table.sheet)
    top, left = table.start or (0, 0)
    bottom, right = table.end or (0, 0)
    return Sheet(_rows(sheet), Area(top, left, bottom, right), tuple(table.columns), _merges(sheet))


def _rows(sheet: calamine.CalamineSheet) -> Iterator[Cells]:
    """Every row from the first on, each from the first column on: the reader leaves out empty columns."""
    _, left = sheet.start or (0, 0)
    for row in sheet.iter_rows():
        yield [*[None] * left, *(cell_text(cell) for cell in row)]


def _merges(sheet: calamine.CalamineSheet) -> tuple[Merge, ...] | None:
    ranges = sheet.merged_cell_ranges
    return None if ranges is None else tuple(ranges)


@dataclass
class Filled:
    """Rows in which every cell of a merged area has the text of its first one."""

    rows: Iterator[Cells]
    merges: Sequence[Merge]
    _open: list[tuple[Merge, str | None]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Cells]:
        by_top: dict[int, list[Merge]] = {}
        for merge in self.merges:
            by_top.setdefault(merge[0][0], []).append(merge)
        number = -1
        for number, row in enumerate(self.rows):
            yield self._filled(number, row, by_top)
        last = max((merge[1][0] for merge, _ in self._open), default=-1)
        for beyond in range(number + 1, last + 1):  # empty cells at the end of a sheet are not stored
            yield self._filled(beyond, [], by_top)

    def _filled(self, number: int, row: Cells, by_top: dict[int, list[Merge]]) -> Cells:
        self._open = [entry for entry in self._open if entry[0][1][0] >= number]
        for merge in by_top.get(number, ()):
            left = merge[0][1]
            self._open.append((merge, row[left] if left < len(row) else None))
        for ((_, left), (_, right)), text in self._open:
            row += [None] * (right + 1 - len(row))
            row[left : right + 1] = [text] * (right + 1 - left)
        return row


def bearable(merges: Sequence[Merge], body: BodyFile, limits: Limits) -> Sequence[Merge]:
    """The merged areas, if filling them is bearable.

    Raises:
        UnreadableError: it is not, or one of them ends before it begins.
    """
    if any(bottom < top or right < left for (top, left), (bottom, right) in merges):
        raise UnreadableError(
            f"{body.name}: a merged area ends before it begins",
            allowed="the upper left cell first",
            hint="ask the source to save it anew",
        )
    cells = sum((bottom - top + 1) * (right - left + 1) for (top, left), (bottom, right) in merges)
    if cells > limits.sheet_cells:
        raise UnreadableError(
            f"{body.name}: the merged areas are too large",
            given=f"{cells} cells",
            allowed=f"{limits.sheet_cells} cells",
        )
    return merges


def cell_text(value: object) -> str | None:
    """The text of a cell; None: nothing in it.

    Dates are 2024-01-05, times of day 10:20:30, both together 2024-01-05 10:20:30; durations 30:00:00; whole
    numbers have no decimal point, others their shortest text; booleans are true and false; an error such as
    #N/A is an empty cell.
    """
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
