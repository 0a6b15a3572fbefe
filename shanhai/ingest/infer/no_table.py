"""What is no table at all, told by its first bytes: pictures, programs, packages, bytes that are no text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from shanhai.errors import UnreadableError
from shanhai.ingest.decode.foreign import check_not_foreign

ALLOWED = "delimited text, JSON, GeoJSON, a workbook or Parquet, plain or in .gz or .zip"
_HINT = "look at what the source gave: a program, a picture, a page of errors, another package?"
_MARKS = (
    (b"#!", "a script"),
    (b"-----BEGIN ", "a key or a certificate"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"Rar!", "a rar file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89HDF", "an HDF5 file"),
)
_LOOK_CHARACTERS = 1 << 16
_CONTROLS = re.compile("[\x00\x02-\x08\x0b\x0e-\x1b\x7f]")
"""What no text has; \\x01 is a delimiter, and others stand between records."""
_SOME, _MANY = 2, 0.01
_CODE = re.compile(
    r"^[ \t]+\S"  # indented
    r"|[{};\\]\s*$|^\s*[})\]]|(?:;|\)|:)\s*(?:then|do)\s*$|:$"  # the end of a statement, or of its head
    r"|^\s*(?:fi|done|esac|else|end|then|begin|endif)\s*;?$"
    r"|^\s*(?:import|from|def|class|function|return|export|echo|exit|include|using|package|public|var|let|const)\s"
    r"|^\s*\[[\w .:\"-]+\]\s*$|^\s*</?\w"  # a section, a tag
    r"|^\s*[A-Za-z_][\w.-]*\s*(?:[:+]?=[^=]|:\s)"  # a setting
)
_SECTION = re.compile(r"\s*\[[^\W\d][^\[\]{}\r\n]*\][ \t]*\r?\n\s*[\w;#\[\"']")
"""Of an INI or TOML file, which begins like a list of JSON but for the quotes; or a title above a table."""
_NUMBER = re.compile(r"\s*[+-]?[\d.,]+%?\s*")
_FEW, _FIFTH = 3, 0.2


class NoTableError(UnreadableError):
    """A body of which no contract could make rows: another kind of file."""


def check_may_be_text(start: bytes, body: str) -> None:
    """Refuse what has no text, or begins as something else does.

    Raises:
        UnreadableError: it does; says what it is.
    """
    if not start.strip(b"\x00 \t\r\n\x0b\x0c\xef\xbb\xbf\xff\xfe"):
        raise UnreadableError(f"{body}: empty", given="a file without text", allowed="a table with rows")
    for mark, what in _MARKS:
        if start.startswith(mark):
            raise _refused(body, what)


def check_is_text(utf8: Path, text: str, body: str) -> None:
    """Refuse what was read as text and is none.

    Args:
        utf8: the whole body in UTF-8.
        text: its beginning.

    Raises:
        UnreadableError: it begins like something else, or has more control characters than any text.
    """
    looked = text[:_LOOK_CHARACTERS]
    if len(_CONTROLS.findall(looked)) > max(_SOME, _MANY * len(looked)):
        raise _refused(body, "bytes that are no text")
    try:
        check_not_foreign(utf8, body, allowed=ALLOWED)
    except UnreadableError as error:
        raise _refused(body, str(error.given)) from None


def is_titled(text: str) -> bool:
    """Whether a text begins with a title in brackets, and is therefore no JSON."""
    return _SECTION.match(text[:_LOOK_CHARACTERS]) is not None


def check_is_list(lines: Sequence[str], body: str, *, titled: bool = False) -> None:
    """Refuse a text of one cell a line whose lines are no values, but those of a program or of settings.

    A list under a heading is a table of one column. Its lines are values: hardly one is indented, sets a name
    to something, or ends as statements do; and remarks are fewer than they.

    Args:
        titled: a title in brackets is above them: of so few columns, that of a section.

    Raises:
        NoTableError: more than a fifth of them do so, or most are remarks, and says how many; or `titled`.
    """
    if titled:
        raise _refused(body, "settings")
    remarks = sum(line.startswith(("#", "//", "--", "%")) for line in lines)
    values = [line for line in lines if line.strip() and not line.startswith("#")]
    unlike = sum(_CODE.search(line) is not None and _NUMBER.fullmatch(line) is None for line in values)
    if unlike >= _FEW and unlike > _FIFTH * len(values):
        told = f"a text of which {unlike:,} of {len(values):,} lines are those of a program, or settings"
        raise _refused(body, told)
    if remarks >= _FEW and remarks > len(lines) / 2:
        raise _refused(body, f"a text of which {remarks:,} of {len(lines):,} lines are remarks")


def _refused(body: str, what: str) -> NoTableError:
    return NoTableError(f"{body}: no table", given=what, allowed=ALLOWED, hint=_HINT)
