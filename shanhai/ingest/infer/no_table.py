"""What is no table at all, told by its first bytes: pictures, programs, packages, bytes that are no text."""

from __future__ import annotations

import re
from pathlib import Path

from shanhai.errors import UnreadableError
from shanhai.ingest.decode.foreign import check_not_foreign

ALLOWED = "delimited text, JSON, GeoJSON, a workbook or Parquet, plain or in .gz or .zip"
_HINT = "look at what the source gave: a picture, a page of errors, another package?"
_MARKS = (
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


def _refused(body: str, what: str) -> UnreadableError:
    return UnreadableError(f"{body}: no table", given=what, allowed=ALLOWED, hint=_HINT)
