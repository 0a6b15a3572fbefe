"""What can be said of delimited text without parsing it: physical lines, validity, and the blanks in it."""

from __future__ import annotations

import codecs
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.texts import BLANKS
from shanhai.warehouse.batches import BYTES

_BLOCK_BYTES = 2**18
_LONGEST_BLANK = max(len(blank.encode()) for blank in BLANKS)


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        lines: physical lines, each ended by LF; None where the text is not valid UTF-8, or has a CR that no
            LF follows, which would end a line too.
        blanks: the characters of `BLANKS` that occur at all: no other one can stand at the edge of a cell.
            A line feed does not count; it is for the parser to tell whether one stands in a cell.
        at_once: how many lines that follow one another have about `BYTES` at most, wherever they stand.
            A record with line breaks is as many lines; a text with such records is decoded.
    """

    lines: int | None
    blanks: str
    at_once: int = 1


def survey(path: Path, offset: int) -> Survey:
    """Read a file from `offset` on, in blocks."""
    lines, last, tail = 0, b"\n", b""
    missing = [blank for blank in BLANKS if blank != "\n"]
    text, length = _Text(), _Length()
    with path.open("rb") as stream:
        stream.seek(offset)
        while block := stream.read(_BLOCK_BYTES):
            ended = block.count(b"\n")
            lines += ended
            length.goes_on(len(block), ended)
            missing = _still_missing(missing, block, tail)
            if not text.goes_on(block) or ("\r" not in missing and _has_bare_cr(last + block)):
                return Survey(None, "")
            tail, last = block[1 - _LONGEST_BLANK :], block[-1:]
    if last == b"\r" or not text.goes_on(b""):
        return Survey(None, "")
    blanks = "".join(blank for blank in BLANKS if blank not in missing and blank != "\n")
    return Survey(lines + (last != b"\n"), blanks, length.at_once)


class _Text:
    """Whether bytes that come in blocks are UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._inside = False

    def goes_on(self, block: bytes) -> bool:
        """Whether the text goes on validly with `block`; without one, whether it may end here."""
        if not self._inside and block.isascii():
            return True
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            return False
        self._inside = bool(self._decoder.getstate()[0])
        return True


class _Length:
    """How long lines are, where they are longest: the fewest that end in any stretch of `BYTES`."""

    def __init__(self) -> None:
        self._stretch: deque[int] = deque()
        self._size = self._lines = self._ended = 0
        self._fewest: int | None = None

    def goes_on(self, size: int, ended: int) -> None:
        """The next bytes, and the lines that end in them."""
        self._size += size
        self._lines += ended
        self._ended += ended
        self._stretch.append(ended)
        if len(self._stretch) * _BLOCK_BYTES >= BYTES:
            self._fewest = self._ended if self._fewest is None else min(self._ended, self._fewest)
            self._ended -= self._stretch.popleft()

    @property
    def at_once(self) -> int:
        """Of a text shorter than a stretch, what a stretch would have that went on like it."""
        whole = self._lines * BYTES // max(self._size, 1)
        return max(1, whole if self._fewest is None else self._fewest)


def _has_bare_cr(text: bytes) -> bool:
    """Whether a CR has something else than LF after it; one at the very end may yet get its LF."""
    return text.count(b"\r") - text.endswith(b"\r") > text.count(b"\r\n")


def _still_missing(missing: list[str], block: bytes, tail: bytes) -> list[str]:
    if block.isascii() and tail.isascii():
        return [blank for blank in missing if not blank.isascii() or blank.encode() not in block]
    seam = tail + block[: _LONGEST_BLANK - 1]
    return [blank for blank in missing if blank.encode() not in block and blank.encode() not in seam]
