"""The grammar of one delimited record, as the fast parser reads it: what is well-formed and what is not.

A cell that begins with the quote character (one blank before it does not count) runs to the closing quote,
which only blanks may follow; a quote elsewhere in a cell is an ordinary character. A record may end with
surplus empty cells, as spreadsheets write them; nothing is lost by that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from shanhai.contracts.model import CsvFormat
from shanhai.ingest.decode.decoded import RAGGED, STRAY_QUOTE


@dataclass(frozen=True)
class Dialect:
    """Delimiter, quote, escape and comment as UTF-8 bytes; all but the delimiter may be empty."""

    delimiter: bytes
    quote: bytes
    escape: bytes
    comment: bytes = b""

    @classmethod
    def of(cls, csv: CsvFormat) -> Dialect:
        """The dialect that a contract states."""
        quote = csv.quote.encode()
        return cls(csv.delimiter.encode(), quote, csv.escape.encode() if quote else b"", csv.comment.encode())

    @cached_property
    def _inside(self) -> bytes:
        """What may follow the opening quote: texts, between which the quote closes and opens over blanks."""
        text, quote = self._text, re.escape(self.quote)
        return (
            text
            if self.delimiter.startswith(b" ")
            else text + _repeated(b"%b\\ ++%b%b" % (quote, quote, text))
        )

    @cached_property
    def _text(self) -> bytes:
        quote, escape = re.escape(self.quote), re.escape(self.escape)
        if not self.escape:
            return b"[^%b]*+" % quote
        if self.escape == self.quote:
            return b"[^%b]*+" % quote + _repeated(b"%b[^%b]*+" % (quote * 2, quote))
        return b"[^%b%b]*+" % (quote, escape) + _repeated(b"%b.[^%b%b]*+" % (escape, quote, escape))

    @cached_property
    def _opening(self) -> bytes:
        """One blank and the quote that begins a cell."""
        return (b"" if self.delimiter.startswith(b" ") else b"\\ ?+") + re.escape(self.quote)

    @cached_property
    def _after(self) -> bytes:
        """What may follow the quote that ends a cell."""
        return b"" if self.delimiter.startswith(b" ") else b"\\ *+"

    @cached_property
    def _quoted(self) -> bytes:
        return self._opening + self._inside + re.escape(self.quote) + self._after

    @cached_property
    def _cell(self) -> bytes:
        delimiter = re.escape(self.delimiter)
        plain = b"[^%b\r\n]*+" % delimiter
        if len(self.delimiter) > 1:
            plain = _repeated(b"(?!%b)[^\r\n]" % delimiter)
        if not self.quote:
            return b"(?:%b)" % plain
        return b"(?:%b|(?!%b)%b)" % (self._quoted, self._opening, plain)

    @cached_property
    def _cells(self) -> re.Pattern[bytes]:
        delimiter = re.escape(self.delimiter)
        return re.compile(self._cell + _repeated(delimiter + self._cell), re.DOTALL)

    @cached_property
    def _open(self) -> re.Pattern[bytes]:
        before = _repeated(self._cell + re.escape(self.delimiter))
        return re.compile(before + self._opening + self._inside, re.DOTALL)

    @cached_property
    def _closing(self) -> re.Pattern[bytes]:
        return re.compile(self._inside + re.escape(self.quote), re.DOTALL)

    def is_remark(self, line: bytes) -> bool:
        """Whether a line outside quotes is a remark and no record."""
        return bool(self.comment) and line.startswith(self.comment)

    def closes(self, line: bytes) -> bool:
        """Whether a line that begins inside a quoted cell has the quote that ends it."""
        return self.quote in line and self._closing.match(line) is not None

    def record(self, width: int) -> re.Pattern[bytes]:
        """Matches, in full, a well-formed record of `width` cells and surplus empty ones."""
        delimiter = re.escape(self.delimiter)
        empty = b"(?:%b%b%b)?" % (self._opening, re.escape(self.quote), self._after) if self.quote else b""
        more = b"(?:%b%b){%d}" % (delimiter, self._cell, width - 1)
        return re.compile(b"%b%b(?:%b%b)*" % (self._cell, more, delimiter, empty), re.DOTALL)

    def is_open(self, text: bytes) -> bool:
        """Whether the last cell of `text` has begun with a quote that is not closed yet."""
        return bool(self.quote) and self._open.fullmatch(text) is not None

    def fault(self, text: bytes) -> str:
        """Why a text that is no record and has no open quote is none."""
        return RAGGED if self._cells.fullmatch(text) else STRAY_QUOTE

    def split(self, text: bytes) -> list[bytes] | None:
        """The cells of one record, quotes and escapes undone; None: not well-formed."""
        if not self._cells.fullmatch(text):
            return None
        cells, position = [], 0
        one = re.compile(self._cell, re.DOTALL)
        while found := one.match(text, position):  # the whole matched, so does each cell
            cells.append(self._plain_text(found.group()))
            if found.end() == len(text):
                break
            position = found.end() + len(self.delimiter)
        return cells

    def _plain_text(self, cell: bytes) -> bytes:
        if not self.quote or not cell.removeprefix(b" ").startswith(self.quote):
            return cell
        inner = cell.strip(b" ")[1:-1]
        if not self.escape:
            return inner
        return re.sub(re.escape(self.escape) + b"(.)", rb"\1", inner, flags=re.DOTALL)


def _repeated(group: bytes) -> bytes:
    """As often as it can, never less: atomic, for possessive ones match wrongly before Python 3.11.5."""
    return b"(?>(?:%b)*)" % group
