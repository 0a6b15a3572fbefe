"""The opening of a delimited body: byte order mark, skipped lines, headings; and where the records begin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.model import CsvFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.decode.encoding import UTF8_MARK
from shanhai.ingest.decode.foreign import check_not_foreign
from shanhai.ingest.decode.lines import Oversize, blocks, without_end


@dataclass(frozen=True)
class Opening:
    """Where the records begin.

    Attributes:
        headings: as written; None: the contract says that there are none.
        offset: of the first record, in bytes.
        lines: physical lines before it.
        is_plain: whether nothing or exactly one line of headings precedes the records, and the dialect has
            no comment.
    """

    headings: tuple[str, ...] | None
    offset: int
    lines: int
    is_plain: bool


def read_opening(path: Path, stated: CsvFormat, dialect: Dialect, body: str) -> Opening:
    """Read the opening of a body in UTF-8.

    The headings are the first line after the skipped ones that is neither empty nor a remark, or several if a
    quote says so.

    Raises:
        UnreadableError: the body is empty, something else than text, or its headings cannot be read.
    """
    check_not_foreign(path, body, allowed="delimited text")
    lines = _Lines(path, stated.max_line_bytes)
    for _ in range(stated.skip_lines):
        lines.take()
    if not stated.header:
        return Opening(
            None, lines.offset, lines.taken, is_plain=not stated.skip_lines and not dialect.comment
        )
    text = lines.take()
    while text is not None and (not without_end(text) or dialect.is_remark(text)):
        text = lines.take()
    if text is None:
        raise UnreadableError(f"{body}: empty", given="no line with headings", allowed="a line with headings")
    first = text
    while dialect.is_open(without_end(text)) and len(text) <= stated.max_line_bytes:
        more = lines.take()
        if more is None:
            break
        text += more
    headings = None if isinstance(first, Oversize) else _headings(without_end(text), dialect)
    if headings is None:
        raise UnreadableError(
            f"{body}: the headings cannot be read",
            # What cannot be read as headings may be a record: its text is not shown.
            given=_size(first, text, stated.max_line_bytes, lines.taken),
            allowed=f"one record in {stated.encoding}, at most {stated.max_line_bytes} bytes",
            hint="compare encoding, delimiter and quote in the contract with the file",
        )
    return Opening(headings, lines.offset, lines.taken, is_plain=lines.taken == 1 and not dialect.comment)


def _size(first: bytes, text: bytes, longest: int, line: int) -> str:
    size = f"more than {longest}" if isinstance(first, Oversize) else str(len(text))
    return f"{size} bytes up to line {line}, not shown"


def _headings(text: bytes, dialect: Dialect) -> tuple[str, ...] | None:
    cells = dialect.split(text)
    if cells is None:
        return None
    try:
        return tuple(cell.decode("utf-8") for cell in cells)
    except UnicodeDecodeError:
        return None


class _Lines:
    """Physical lines with the offset after the last one taken."""

    def __init__(self, path: Path, limit: int) -> None:
        self.taken = 0
        self._lines = self._read(path, limit)
        with path.open("rb") as stream:
            self.offset = len(UTF8_MARK) if stream.read(len(UTF8_MARK)) == UTF8_MARK else 0

    def take(self) -> bytes | None:
        return next(self._lines, None)

    def _read(self, path: Path, limit: int) -> Iterator[bytes]:
        with path.open("rb") as stream:
            stream.seek(self.offset)
            for block in blocks(stream, limit):
                lines = [block] if isinstance(block, Oversize) else block.splitlines(keepends=True)
                for line in lines:
                    self.taken += 1
                    self.offset += len(line)
                    yield line
