"""What a body is, when it is not in the format that the contract states: told by its first bytes."""

from __future__ import annotations

import json
import re

from shanhai.contracts.model import Contract, CsvFormat, GeoJsonFormat, JsonFormat, NdjsonFormat
from shanhai.contracts.proposals import SetFormat
from shanhai.ingest.drift.look import Look
from shanhai.quality.difference import Difference, differs

_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body|title|script|meta)\b", re.IGNORECASE
)
_MARKS = (
    (b"\x1f\x8b", "gz"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"%PDF", "PDF"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"PAR1", "parquet"),
)
_IN_LINES = re.compile(rb"\s*\{[^\n]*\}\s*\n\s*\{")
_PACKED = ("gz", "zip")
_KINDS = ("xlsx", "xls", "ods", "parquet", "json", "ndjson", "csv", "geojson")


def format_difference(look: Look) -> Difference | None:
    """The first body that is of another format; None: none is, as far as can be told."""
    for body in look.bodies:
        found = format_of(look.start(body))
        stated = _stated(look.contract)
        if found is not None and found not in stated:
            return differs("another_format", given=found, allowed=stated[0], proposal=_proposal(look, found))
    return None


def _proposal(look: Look, found: str) -> SetFormat | None:
    if found in _PACKED and look.contract.format.compression not in ("auto", found):
        return SetFormat(settings={"compression": found})
    return SetFormat(settings={"kind": found}) if found in _KINDS else None


def format_of(start: bytes) -> str | None:
    """The format that bytes begin like: a `kind` of a contract, a packing, or a name; None: text of any kind.

    Args:
        start: the first bytes, a kilobyte at least or all there are.
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start.startswith(b"PK\x03\x04"):
        return _archive(start)
    text = start.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(text):
        return "HTML"
    if _IN_LINES.match(text) and _is_value(text.lstrip().split(b"\n", 1)[0]):
        return "ndjson"
    if re.match(rb"\s*(?:\{\s*\"|\[\s*[\[{\"])", text):
        return "geojson" if b'"FeatureCollection"' in text[:4096] else "json"
    return None


def _archive(start: bytes) -> str:
    """A workbook names its kind in one of its first members."""
    if b"opendocument.spreadsheet" in start[:4096]:
        return "ods"
    return "xlsx" if b"[Content_Types].xml" in start or b"xl/" in start else "zip"


def _is_value(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _stated(contract: Contract) -> tuple[str, ...]:
    """The kinds that what a contract states can look like, its own first."""
    match contract.format:
        case JsonFormat() | GeoJsonFormat() | NdjsonFormat() as stated:
            # One record is a document and a line; features are a document, or lines of them.
            return (stated.kind, "json", "ndjson", "geojson")
        case CsvFormat():
            return ("csv",)
        case stated:
            return (stated.kind,)
