"""Cells of an OpenDocument spreadsheet, repeated ones as often as they are repeated, before it is opened.

Elements count by the prefixed names that the reader looks for, whatever the prefixes are bound to.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import Limits
from shanhai.ingest.decode.sheet_guard import check_extent

_CELLS = ("table:table-cell", "table:covered-table-cell")
_TEXTS = ("table:formula", "office:string-value", "office:date-value", "office:time-value")


@dataclass
class _Row:
    """A row that is being read.

    Attributes:
        repeat: how often it stands there.
        column, extent: columns up to the last cell, and up to the last one with something in it.
        cell_repeat: how often the last cell stands there.
        text_repeat: how often the text stands there that comes next; 0: it is not kept.
        held: characters of its texts, each as often as its cell.
    """

    repeat: int = 1
    column: int = 0
    extent: int = 0
    cell_repeat: int = 0
    text_repeat: int = 0
    held: int = 0


class DocumentSearch:
    """Counts the cells of each table of one document."""

    def __init__(self, body: str, limits: Limits) -> None:
        self._body, self._limits = body, limits
        self._open_rows = [_Row()]
        self.is_sheet = True
        self.is_suspect = False  # what is wrong with it is refused at once
        self._tables = self._rows = self._width = self._given = self._held = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def see(self, block: bytes) -> None:
        """Parse the next bytes; none: the document has ended.

        Raises:
            UnreadableError: no XML, with a document type, too many cells, or too long texts.
        """
        try:
            self._parser.Parse(block, not block)
        except (expat.ExpatError, ValueError) as error:
            raise UnreadableError(
                f"{self._body}: not a workbook", given="broken XML", allowed="an .ods file"
            ) from error

    def _doctype(self, *_: object) -> None:
        raise ValueError("a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        row = self._open_rows[-1]
        match name:
            case "table:table":
                if not self._tables:  # one inside a cell goes on with the rows of that around it
                    self._rows = self._width = self._given = 0
                self._tables += 1
            case "table:table-row":
                self._open_rows.append(_Row(_repeated(attributes, "table:number-rows-repeated")))
            case _ if name in _CELLS:
                self._see_cell(row, attributes)
            case "text:p":
                row.extent = row.column
            case "text:s":
                self._hold(row, _repeated(attributes, "text:c"))

    def _end(self, name: str) -> None:
        if name in _CELLS:
            self._open_rows[-1].text_repeat = 0
        elif name == "table:table":
            self._tables -= 1
        elif name == "table:table-row":
            row = self._open_rows.pop()
            self._rows += row.repeat
            self._width = max(self._width, row.extent)
            self._held += row.held * row.repeat
            self._check_held(self._held)
            if row.extent:
                check_extent(self._rows, self._width, self._body, self._limits)

    def _text(self, text: str) -> None:
        self._hold(self._open_rows[-1], len(text))

    def _see_cell(self, row: _Row, attributes: dict[str, str]) -> None:
        # The reader writes an empty cell out, as often as it is repeated, as soon as any other follows.
        self._given += row.cell_repeat
        check_extent(self._given, 1, self._body, self._limits)
        row.cell_repeat = _repeated(attributes, "table:number-columns-repeated")
        row.column += row.cell_repeat
        is_filled = any(key in _TEXTS or key.startswith("office:") for key in attributes)
        row.text_repeat = row.cell_repeat if is_filled else 0
        if is_filled:
            row.extent = row.column
            check_extent(row.repeat, row.extent, self._body, self._limits)
            self._hold(row, sum(len(attributes.get(key, "")) for key in _TEXTS))

    def _hold(self, row: _Row, characters: int) -> None:
        row.held += characters * row.text_repeat
        self._check_held(row.held)

    def _check_held(self, characters: int) -> None:
        if characters > self._limits.workbook_bytes:
            raise UnreadableError(
                f"{self._body}: a workbook too large to hold",
                given=f"{characters} characters of texts, repeated ones counted",
                allowed=f"{self._limits.workbook_bytes} characters",
                hint="ask the source for a CSV file",
            )


def _repeated(attributes: dict[str, str], name: str) -> int:
    """How often.

    Raises:
        ValueError: no number, or one below 0.
    """
    times = int(attributes.get(name, "1"))
    if times < 0:
        raise ValueError("repeated less than never")
    return times
