"""What decoding takes and gives: bodies, limits, counts, and the reasons why a record is malformed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

RAGGED = "ragged"
UNTERMINATED_QUOTE = "unterminated_quote"
STRAY_QUOTE = "stray_quote"
LINE_TOO_LONG = "line_too_long"
UNDECODABLE = "undecodable"
NOT_A_RECORD = "not_a_record"
NOT_JSON = "not_json"

REASONS = (RAGGED, UNTERMINATED_QUOTE, STRAY_QUOTE, LINE_TOO_LONG, UNDECODABLE, NOT_A_RECORD, NOT_JSON)
"""Every value that `_malformed` can have."""

RAW_CHARACTERS = 4096
"""How long a text `_raw` holds; of a longer one it holds what `Keep` makes of it."""

REFERENCE = "\x1flong "
"""With what a text begins that stands for a longer one."""

Keep: TypeAlias = Callable[[str], str]
"""Makes of the text of a malformed record one of at most `RAW_CHARACTERS`, which stands for it."""


@dataclass(frozen=True)
class BodyFile:
    """One body of a snapshot: its logical name and the file that holds its bytes."""

    name: str
    path: Path


@dataclass(frozen=True)
class Limits:
    """What decompression may yield before it counts as a bomb."""

    decoded_bytes: int = 16 * 2**30
    ratio: int = 300
    ratio_from_bytes: int = 64 * 2**20  # small files of zeros are no danger, whatever their ratio
    sheet_cells: int = 12_000_000  # the reader needs about 80 bytes for each
    workbook_bytes: int = 2**30  # any part of a workbook that has texts of cells
    list_bytes: int = 64 * 2**20  # one text or number inside a JSON document


@dataclass(frozen=True)
class BodyCount:
    """What one body gave: records (malformed ones included) and physical lines where it has lines."""

    rows: int
    malformed: int
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    lines: int | None = None


@dataclass(frozen=True)
class Decoded:
    """What a snapshot gave, over all its bodies.

    Attributes:
        rows: records in `raw`, malformed ones included.
        malformed: records whose `_malformed` is set.
        missing: headings of the contract that a body lacks; their columns are NULL.
        unknown: headings that the contract neither maps nor ignores, as people may see them: one that may be
            data is only its place and length.
        lines: physical lines of text in lines, headings included; None for JSON documents and workbooks.
    """

    rows: int
    malformed: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    lines: int | None


def beginning(text: str) -> str:
    """A `Keep` for who does not need the rest."""
    return text[:RAW_CHARACTERS]


def cut(text: str, longest: int, *, is_whole: bool) -> str:
    """What is kept of a line that is too long: all of it where that is little, else its beginning and a note.

    Args:
        text: the line, or its beginning.
        longest: bytes that a line may have.
        is_whole: whether `text` is all of it.
    """
    if is_whole and len(text) <= RAW_CHARACTERS:
        return text
    said = f" … [cut here: more than {longest} bytes; the body in the snapshot has the whole line]"
    return text[: RAW_CHARACTERS - len(said)] + said


def total(counts: list[BodyCount]) -> Decoded:
    """The sum over bodies; headings in the order in which they were met."""
    lines = [count.lines for count in counts if count.lines is not None]
    return Decoded(
        rows=sum(count.rows for count in counts),
        malformed=sum(count.malformed for count in counts),
        missing=tuple(dict.fromkeys(name for count in counts for name in count.missing)),
        unknown=tuple(dict.fromkeys(name for count in counts for name in count.unknown)),
        lines=sum(lines) if lines else None,
    )
