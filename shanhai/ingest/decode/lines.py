"""The slow path: physical lines sieved one by one, so that a bad one never takes a good one with it.

The sieve writes an orderly copy of the body, each record after two more cells (reason and raw text, empty
for good ones), which the fast parser then reads: cells come out the same on both paths, because the
same parser reads them.

What is a record: a physical line (ended by LF, CRLF or CR) that is well-formed and has the right number of
cells; or several, if a quote that the first leaves open is closed in a later one and the whole has the right
number.
An empty line is no record, except in a table of one column, where it is an empty cell; nor is a line outside
quotes that begins with the comment of the dialect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shanhai.ingest.decode.decoded import (
    LINE_TOO_LONG,
    RAGGED,
    RAW_CHARACTERS,
    UNDECODABLE,
    UNTERMINATED_QUOTE,
    Keep,
    cut,
)
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.decode.encoding import readable

BLOCK_BYTES = 256 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
_LF = re.compile(rb"\n")
_ENDS = (b"\n", b"\r")
_FORGET_AFTER_LINES = 50_000
_CUT_BYTES = 4 * RAW_CHARACTERS  # a character has no more


class Oversize(bytes):
    """The beginning of a line that is longer than allowed; the rest was dropped while reading."""


def blocks(
    stream: BinaryIO, limit: int, size: int = BLOCK_BYTES, *, ends: tuple[bytes, ...] = _ENDS
) -> Iterator[bytes]:
    """Whole physical lines, many at a time, ends kept; one far beyond `limit` bytes comes as an `Oversize`.

    Holds at most about `limit` + 2 × `size` bytes.

    Args:
        ends: LF, which ends CRLF too, and CR unless it is an ordinary character.
    """
    has_cr = b"\r" in ends
    tail = b""
    while data := stream.read(max(size, len(tail))):
        data = tail + data
        # A CR at the very end may be half of a CRLF: wait for the next read.
        cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1) if has_cr else -1) + 1
        if cut:
            yield data[:cut]
        tail = data[cut:]
        if len(tail) > limit + 1:
            yield Oversize(tail[:_CUT_BYTES])
            tail = _after_line(stream, tail[-1:], size, _LINE_END if has_cr else _LF)
    if tail:
        yield tail


def _after_line(stream: BinaryIO, data: bytes, size: int, end: re.Pattern[bytes]) -> bytes:
    """Read on to the end of the current line and return what was read of the next one."""
    while True:
        found = end.search(data)
        if found:
            return data[found.end() :]
        more = stream.read(size)
        if not more:
            return b""
        data = (b"\r" if data.endswith(b"\r") else b"") + more


def too_long(line: bytes, longest: int) -> str:
    """What quarantine keeps of a line with more than `longest` bytes."""
    return cut(readable(line[:_CUT_BYTES]), longest, is_whole=type(line) is bytes and len(line) <= _CUT_BYTES)


def without_end(line: bytes) -> bytes:
    """A physical line without its LF, CRLF or CR."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


@dataclass
class Sieved:
    """What went through a sieve."""

    records: int = 0
    malformed: int = 0
    lines: int = 0


class Sieve:
    """Sorts the physical lines of one body into records and malformed ones.

    Args:
        stream: the body from its first record on, in UTF-8 (undecodable bytes as `encoding` leaves them).
        out: takes the orderly copy.
        width: cells in a record.
        limit: largest record in bytes, line end not counted.
        keep: what the copy holds of a malformed record.
    """

    def __init__(
        self, stream: BinaryIO, out: BinaryIO, dialect: Dialect, width: int, limit: int, keep: Keep
    ) -> None:
        self._blocks = blocks(stream, limit)
        self._out = out
        self._dialect = dialect
        self._width = width
        self._limit = limit
        self._keep = keep
        self._record = dialect.record(width)
        self._good = dialect.delimiter * 2
        self._sieved = Sieved()

    def run(self) -> Sieved:
        """Sort everything and return the counts."""
        for block in self._blocks:
            if isinstance(block, Oversize) or not self._pass_plain(block):
                self._sort(_physical(block))
        return self._sieved

    def _pass_plain(self, block: bytes) -> bool:
        """Pass a block without quotes at the speed of counting delimiters; False: look at it line by line."""
        delimiter, quote, comment = self._dialect.delimiter, self._dialect.quote, self._dialect.comment
        if (quote and quote in block) or (comment and comment in block):
            return False
        text = block.replace(b"\r\n", b"\n")
        if b"\r" in text or text.startswith(b"\n") or b"\n\n" in text:
            return False
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return False
        lines = text.removesuffix(b"\n").split(b"\n")
        if max(map(len, lines)) > self._limit:
            return False
        wanted = self._width - 1
        counts = [line.count(delimiter) for line in lines]
        odd = len(counts) - counts.count(wanted)
        if odd:
            self._out.writelines(
                self._row(line) if count == wanted else self._odd(line, count)
                for line, count in zip(lines, counts, strict=True)
            )
        else:
            self._out.write(b"".join([self._good + line + b"\n" for line in lines]))
        self._sieved.records += len(lines)
        self._sieved.lines += len(lines)
        return True

    def _odd(self, line: bytes, count: int) -> bytes:
        surplus = self._dialect.delimiter * (count - self._width + 1)
        if surplus and line.endswith(surplus):
            return self._row(line)
        return self._malformed(RAGGED, line)

    def _row(self, record: bytes) -> bytes:
        # The two cells come first: before a delimiter of two characters, half of one would be misread.
        return self._good + record + b"\n"

    def _malformed(self, reason: str, raw: bytes) -> bytes:
        self._sieved.malformed += 1
        kept = self._keep(too_long(raw, self._limit) if reason == LINE_TOO_LONG else readable(raw))
        delimiter = self._dialect.delimiter
        return reason.encode() + delimiter + kept.encode().hex().encode() + delimiter * self._width + b"\n"

    def _sort(self, lines: list[bytes]) -> None:
        index = 0
        while index < len(lines):
            index += self._sort_one(lines, index)
            if index > _FORGET_AFTER_LINES:
                del lines[:index]
                index = 0

    def _sort_one(self, lines: list[bytes], index: int) -> int:
        """Write the record that begins at `index`; returns how many lines it took."""
        line = lines[index]
        text = without_end(line)
        if (not text and self._width > 1) or self._dialect.is_remark(line):
            self._sieved.lines += 1
            return 1
        taken = 1
        if isinstance(line, Oversize) or len(text) > self._limit:
            row = self._malformed(LINE_TOO_LONG, line if isinstance(line, Oversize) else text)
        elif self._record.fullmatch(text):
            row = self._checked(text)
        elif self._dialect.is_open(text):
            joined = self._join(lines, index)
            if joined is None:
                row = self._malformed(UNTERMINATED_QUOTE if _decodable(text) else UNDECODABLE, text)
            else:
                row, taken = joined
        else:
            row = self._malformed(self._dialect.fault(text) if _decodable(text) else UNDECODABLE, text)
        self._out.write(row)
        self._sieved.records += 1
        self._sieved.lines += taken
        return taken

    def _checked(self, text: bytes) -> bytes:
        return self._row(text) if _decodable(text) else self._malformed(UNDECODABLE, text)

    def _join(self, lines: list[bytes], first: int) -> tuple[bytes, int] | None:
        """The record that the open quote of a line makes with the lines after it, if it makes one.

        Fails at the first line that closes the quote the wrong way, so that a stray quote costs a look ahead
        to the next line with a quote and no more.
        """
        size, last = len(lines[first]), first
        while size <= self._limit:
            last += 1
            if last == len(lines):
                block = next(self._blocks, None)
                if block is None:
                    return None
                lines.extend(_physical(block))
            line = lines[last]
            if isinstance(line, Oversize):
                return None
            size += len(line)
            if not self._dialect.closes(line):
                continue
            text = without_end(b"".join(lines[first : last + 1]))
            if len(text) > self._limit:
                return None
            if self._record.fullmatch(text):
                return self._checked(text), last + 1 - first
            if not self._dialect.is_open(text):
                return None
        return None


def _physical(block: bytes) -> list[bytes]:
    return [block] if isinstance(block, Oversize) else block.splitlines(keepends=True)


def _decodable(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
