"""A workbook whose table is on another sheet, or has its headings in another row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shanhai.contracts.model import WorkbookFormat
from shanhai.contracts.proposals import SetFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import BodyFile, Limits
from shanhai.ingest.decode.headings import shown
from shanhai.ingest.decode.sheet import first_rows
from shanhai.ingest.decode.workbook_guard import check_workbook
from shanhai.ingest.drift.look import Look, matched
from shanhai.quality.difference import Difference, differs

_ROWS = 30
_MOST_SHEETS = 20


@dataclass(frozen=True)
class _Place:
    """A row of a sheet, from 1, and how many of the contract's headings it has."""

    sheet: str
    number: int
    row: int
    found: int


def sheet_differences(look: Look, stated: WorkbookFormat) -> tuple[Difference, ...]:
    """Sheet and row at which most headings of the contract stand, where they are other than stated.

    Of headings of several rows, and of a table or a range that the contract names, the place is not looked
    for.
    """
    if stated.table is not None or stated.range is not None or stated.header_rows != 1:
        return ()
    for body in look.bodies:
        places = sorted(_places(look, body, stated), key=lambda place: -place.found)
        if places and places[0].found >= min(2, len(look.sources)):
            found = tuple(_changes(stated, places, places[0]))
            if found:
                return found
    return ()


def _places(look: Look, body: BodyFile, stated: WorkbookFormat) -> Iterator[_Place]:
    """Those near the stated place first."""
    try:
        check_workbook(body, stated.kind, Limits())
        sheets = first_rows(body, stated, _ROWS, _MOST_SHEETS)
    except UnreadableError:
        return
    for number, (name, rows) in enumerate(sheets.items()):
        for row, cells in sorted(enumerate(rows, start=1), key=lambda pair: abs(pair[0] - stated.header_row)):
            yield _Place(name, number, row, matched(look, [cell for cell in cells if cell]))


def _changes(stated: WorkbookFormat, places: list[_Place], best: _Place) -> Iterator[Difference]:
    usual = next((place for place in places if stated.sheet in (place.sheet, place.number)), None)
    if usual is None or (not usual.found and usual.sheet != best.sheet):
        name = shown(best.sheet, best.number + 1)
        sheet: str | int = best.sheet if name == best.sheet else best.number
        was = str(stated.sheet + 1) if isinstance(stated.sheet, int) else stated.sheet
        yield differs("sheet_renamed", given=name, allowed=was, proposal=SetFormat(settings={"sheet": sheet}))
    if best.row != stated.header_row:
        yield differs(
            "header_moved",
            given=str(best.row),
            allowed=str(stated.header_row),
            proposal=SetFormat(settings={"header_row": best.row}),
        )
