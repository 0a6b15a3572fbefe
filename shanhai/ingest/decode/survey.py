"""What can be said of delimited text without parsing it: physical lines, validity, and the blanks in it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.texts import BLANKS

_BLOCK_BYTES = 4 * 2**20
_LONGEST_BLANK = max(len(blank.encode()) for blank in BLANKS)


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        lines: physical lines; None where the text is not valid UTF-8 and that was looked at.
        blanks: the characters of `BLANKS` that occur at all: no other one can stand at the edge of a cell.
            A line feed does not count; it is for the parser to tell whether one stands in a cell.
    """

    lines: int | None
    blanks: str


def survey(path: Path, offset: int, *, check_text: bool) -> Survey:
    """Read a file in UTF-8 from `offset` on, in blocks.

    Args:
        check_text: whether to look at the text: the parser validates only the cells that it keeps.
    """
    import numpy as np

    lines, last, tail = 0, b"\n", b""
    missing = [blank for blank in BLANKS if blank != "\n"]
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        stream.seek(offset)
        while block := stream.read(_BLOCK_BYTES):
            lines += int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))
            last = block[-1:]
            missing = _still_missing(missing, block, tail)
            tail = block[1 - _LONGEST_BLANK :]
            if check_text and not _is_text(decoder, block):
                return Survey(None, "")
    if check_text and not _is_text(decoder, b""):
        return Survey(None, "")
    blanks = "".join(blank for blank in BLANKS if blank not in missing and blank != "\n")
    return Survey(lines + (last != b"\n"), blanks)


def _is_text(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    """Whether the text goes on validly with `block`; without one, whether it may end here."""
    try:
        decoder.decode(block, final=not block)
    except UnicodeDecodeError:
        return False
    return True


def _still_missing(missing: list[str], block: bytes, tail: bytes) -> list[str]:
    if block.isascii() and tail.isascii():
        return [blank for blank in missing if not blank.isascii() or blank.encode() not in block]
    seam = tail + block[: _LONGEST_BLANK - 1]
    return [blank for blank in missing if blank.encode() not in block and blank.encode() not in seam]
