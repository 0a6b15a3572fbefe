"""What is sent in place of data, told by its first bytes: HTML, documents, workbooks, another encoding."""

from __future__ import annotations

import re
from pathlib import Path

from shanhai.errors import UnreadableError

_LOOK_BYTES = 1024
_HTML = re.compile(
    rb"(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body|title|script|meta)\b", re.IGNORECASE
)
_MARKS = (
    (b"PK\x03\x04", "a zip file or a workbook"),
    (b"\x1f\x8b", "a gz file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"%PDF", "a PDF document"),
    (b"Rar!", "a rar file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file"),
    (b"PAR1", "a Parquet file"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


def check_not_foreign(path: Path, body: str, *, allowed: str) -> None:
    """Refuse a body that begins like something else.

    Raises:
        UnreadableError: it does; says what it looks like.
    """
    with path.open("rb") as stream:
        start = stream.read(_LOOK_BYTES)
    found = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if found is None and _HTML.match(start.removeprefix(b"\xef\xbb\xbf").lstrip()):
        found = "a page of HTML"
    if found is None and start.count(0) * 4 > len(start):
        found = "bytes that are no text, or UTF-16 without its mark"
    if found is not None:
        raise UnreadableError(
            f"{body}: not data",
            given=found,
            allowed=allowed,
            hint="see what the source answers; correct format, encoding or compression in the contract",
        )
