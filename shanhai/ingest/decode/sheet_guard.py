"""Places of cells in the parts of an `.xlsx` file: what the reader would allocate, known before it does.

The reader believes every place that a part states, and counts on in 32 bits without an end: a cell at
`ZZZZ9999999999` ends the whole process. A part is first looked through with searches that may suspect too
much and never too little; what they suspect is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.parsers import expat

from shanhai.contracts.formats import column_number
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import Limits

LAST_COLUMN, LAST_ROW = "XFD", 1_048_576
COLUMNS = 16_384
"""How many columns a sheet has, in every format that is read."""

_SHEET = b"sheetData"
# No more letters and digits are taken than show that a place is too far away.
_PLACE = re.compile(rb"""[ "']r ?= ?["']([A-Za-z]{0,4})([0-9]{0,8})""")
_AREA = re.compile(rb"""[ "']ref ?= ?["']([A-Za-z]{0,4})([0-9]{0,8}):?([A-Za-z]{0,4})([0-9]{0,8})""")
_TEXTS_STATED = re.compile(rb"""[ "']uniqueCount ?= ?["']([0-9]{0,12})""")
_WHOLE_PLACE = re.compile(r"([A-Za-z]*)([0-9]+)")
_CELLS = (b"<c ", b"<c>", b"<c/", b":c ", b":c>", b":c/")
_PLACED_CELLS = (b"<c r=", b":c r=")
_BLANKS = bytes.maketrans(b"\t\r\n", b"   ")
_LONGEST_TAG = 4096
_TAIL_BYTES = 64
_SHOWN = 24
_AREAS = frozenset({"dimension", "mergeCell", "f", "table"})


class PartSearch:
    """Searches one part for places that cannot be borne; `is_suspect`: it has to be parsed to know.

    Args:
        loads_tables: whether the reader is asked for an Excel table, and makes room for the areas of tables.
    """

    def __init__(self, limits: Limits, *, loads_tables: bool) -> None:
        self._limits = limits
        self._most_held = limits.sheet_cells if loads_tables else COLUMNS * LAST_ROW
        self._rest = b""
        self._width = self._height = self._cells = 0
        self.is_sheet = self.is_suspect = False

    def see(self, block: bytes) -> None:
        """Look at the next bytes of the part; none: it has ended."""
        text = self._rest + block.translate(_BLANKS)
        while b"  " in text:
            text = text.replace(b"  ", b" ")
        # A tag is kept until its end is there; of one without an end, enough for every search.
        cut = text.rfind(b"<", max(0, len(text) - _LONGEST_TAG)) if block else len(text)
        self._rest = text[cut:] if cut >= 0 else text[-_TAIL_BYTES:]
        seen = text[:cut] if cut >= 0 else text
        if self.is_suspect:
            return
        self.is_sheet = self.is_sheet or _SHEET in seen
        self.is_suspect = (
            (self.is_sheet and self._has_far_cells(seen))
            or self._has_far_areas(seen)
            or any(int(times or b"0") > self._limits.sheet_cells for times in _TEXTS_STATED.findall(seen))
        )

    def _has_far_cells(self, text: bytes) -> bool:
        for letters, digits in _PLACE.findall(text):
            if len(letters) > 3 or len(digits) > 7:
                return True
            if letters:
                self._width = max(self._width, column_number(letters.decode().upper()) + 1)
                self._height = max(self._height, int(digits or b"0"))
            elif digits and int(digits) > LAST_ROW:
                return True
        cells = sum(map(text.count, _CELLS))
        self._cells += cells
        return (
            cells > sum(map(text.count, _PLACED_CELLS))  # where such a cell is depends on those before it
            or self._width > COLUMNS
            or self._height > LAST_ROW
            or max(self._width * self._height, self._cells) > self._limits.sheet_cells
        )

    def _has_far_areas(self, text: bytes) -> bool:
        for left, top, right, bottom in _AREA.findall(text):
            if max(len(left), len(right)) > 3 or max(len(top), len(bottom)) > 7:
                return True
            width = column_number((right or left).decode().upper()) + 1
            height = int(bottom or top or b"0")
            if width > COLUMNS or height > LAST_ROW or width * height > self._most_held:
                return True
        return False


def check_places(blocks: Iterable[bytes], body: str, limits: Limits, *, loads_tables: bool) -> None:
    """Parse one part and judge each place that the reader would believe.

    Args:
        loads_tables: whether the reader is asked for an Excel table, and makes room for the areas of tables.

    Raises:
        UnreadableError: broken XML, a place outside a sheet, or a rectangle of too many cells.
    """
    places = _Places(body, limits, loads_tables=loads_tables)
    parser = expat.ParserCreate()
    parser.StartElementHandler = places.start
    parser.EndElementHandler = places.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        for block in blocks:
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:
        raise UnreadableError(
            f"{body}: not a workbook", given="broken XML", allowed="an .xlsx file", hint="pull it again"
        ) from error


def check_extent(height: int, width: int, body: str, limits: Limits) -> None:
    """Refuse a rectangle of more cells than are held.

    Raises:
        UnreadableError: it has more.
    """
    if height * width > limits.sheet_cells:
        raise UnreadableError(
            f"{body}: a sheet is too large",
            given=f"{height} rows × {width} columns",
            allowed=f"{limits.sheet_cells} cells",
            hint="look for a stray cell far away, or ask for a CSV file",
        )


class _Places:
    """The rectangle of the cells of one part, each where the reader would put it."""

    def __init__(self, body: str, limits: Limits, *, loads_tables: bool) -> None:
        self._body, self._limits, self._loads_tables = body, limits, loads_tables
        self._is_sheet = False
        self._row = self._column = 0  # from 0: of the next cell that does not say where it is
        self._width = self._height = self._cells = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in _AREAS and "ref" in attributes:
            self._see_area(attributes["ref"], is_held=local == "table" and self._loads_tables)
        elif local == "sst":
            self._see_texts(attributes.get("uniqueCount", ""))
        elif local == "sheetData":
            self._is_sheet = True
        elif self._is_sheet and local == "row" and "r" in attributes:
            self._row = max(self._place(attributes["r"])[0] - 1, 0)
        elif self._is_sheet and local == "c":
            self._see_cell(attributes.get("r"))

    def end(self, name: str) -> None:
        if name.rpartition(":")[2] == "row":
            self._row += 1
            self._column = 0

    def _see_cell(self, place: str | None) -> None:
        row, column = self._row + 1, self._column + 1
        if place is not None:
            row, column = self._place(place)
        elif row > LAST_ROW or column > COLUMNS:
            self._refuse(f"row {row}, column {column}")
        self._column = column
        self._cells += 1
        self._height, self._width = max(self._height, row), max(self._width, column)
        check_extent(self._height, self._width, self._body, self._limits)
        check_extent(self._cells, 1, self._body, self._limits)

    def _see_area(self, area: str, *, is_held: bool) -> None:
        corners = [self._place(corner) for corner in area.split(":")[:2]]
        if is_held:
            check_extent(*corners[-1], self._body, self._limits)

    def _see_texts(self, stated: str) -> None:
        """The reader makes room for as many texts as a workbook says that it has."""
        if stated.isdecimal() and int(stated) > self._limits.sheet_cells:
            raise UnreadableError(
                f"{self._body}: a workbook too large to hold",
                given=f"{stated[:_SHOWN]} texts stated",
                allowed=f"{self._limits.sheet_cells} texts",
                hint="ask the source to save it anew, or for a CSV file",
            )

    def _place(self, text: str) -> tuple[int, int]:
        """Row and column from 1; 0 where it says none, which the reader refuses in its own words."""
        found = _WHOLE_PLACE.fullmatch(text)
        if found is None:
            return 0, 0
        letters, digits = found.groups()
        if len(letters) > 3 or len(digits) > 7:
            self._refuse(text)
        row, column = int(digits), column_number(letters.upper()) + 1
        if row > LAST_ROW or column > COLUMNS:
            self._refuse(text)
        return row, column

    def _refuse(self, given: str) -> None:
        raise UnreadableError(
            f"{self._body}: a place outside a sheet",
            given=given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…",
            allowed=f"A1 to {LAST_COLUMN}{LAST_ROW}",
            hint="ask the source to save it anew, or for a CSV file",
        )


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a document type")
