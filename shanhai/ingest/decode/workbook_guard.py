"""What a workbook may be before it is opened: of the stated kind, not encrypted, of a bearable size.

The reader holds a sheet as one rectangle (of an OpenDocument file, all sheets), so a single cell far away, or
one repeated a million times, costs as much as all in between: places of cells are counted here first.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from xml.parsers import expat

from shanhai.contracts.formats import column_number
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import check_bomb, check_member_name, member_blocks, refusing_damage
from shanhai.ingest.decode.decoded import BodyFile, Limits

_CELL_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_PLACE_BYTES = 16
_PROBE = """
import resource, sys, python_calamine
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
try:
    python_calamine.CalamineWorkbook.from_path(sys.argv[1])
except python_calamine.CalamineError:
    pass
"""
_PROBE_BYTES = 4 * 2**30
_PROBE_SECONDS = 120
_TEXTS = re.compile(r"xl/(?:sharedStrings|worksheets/.*)\.xml|content\.xml")
_MANIFEST_BYTES = 1 << 20
_COMPOUND_MAGIC = b"\xd0\xcf\x11\xe0"
_NAMES = {"xlsx": "an .xlsx file", "xls": "an .xls file", "ods": "an .ods file", "xlsb": "an .xlsb file"}
_ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def check_workbook(body: BodyFile, stated: str, limits: Limits) -> None:
    """Look through a workbook without opening it: every part is unpacked once, counting.

    Args:
        stated: `xlsx`, `xls` or `ods`.

    Raises:
        UnreadableError: no workbook, of another kind, encrypted, a bomb, or too large to hold.
    """
    with body.path.open("rb") as stream:
        start = stream.read(256)
    if start.startswith(_COMPOUND_MAGIC):
        _check_compound(body, stated, limits)
        return
    with refusing_damage(_not_that(body, stated, _first(start))), zipfile.ZipFile(body.path) as archive:
        found = _kind(archive, limits)
        if found != stated:
            raise _not_that(body, stated, _NAMES.get(found, "a zip file"))
        _check_parts(body, archive, found, limits)


def _kind(archive: zipfile.ZipFile, limits: Limits) -> str:
    names = set(archive.namelist())
    if "mimetype" in names:
        first = next(member_blocks(archive, archive.getinfo("mimetype"), limits), b"")
        return "ods" if first.strip() == _ODS_TYPE else ""
    if "[Content_Types].xml" in names:
        return "xlsb" if "xl/workbook.bin" in names else "xlsx"
    return ""


def _check_parts(body: BodyFile, archive: zipfile.ZipFile, kind: str, limits: Limits) -> None:
    packed = body.path.stat().st_size
    check_bomb(body.name, packed, sum(info.file_size for info in archive.infolist()), limits)
    if kind == "ods" and _is_encrypted(archive, limits):
        raise _encrypted(body)
    done = 0
    for info in archive.infolist():
        check_member_name(info, body.name)
        count = _Cells(body, info.filename, limits)
        size = 0
        for block in member_blocks(archive, info, limits):
            size += len(block)
            done += len(block)
            check_bomb(body.name, packed, done, limits)
            if _TEXTS.match(info.filename):
                _check_held(body, size, limits)
            count.see(block)
        count.see_end()


def _is_encrypted(archive: zipfile.ZipFile, limits: Limits) -> bool:
    if "META-INF/manifest.xml" not in archive.namelist():
        return False
    manifest = b""
    for block in member_blocks(archive, archive.getinfo("META-INF/manifest.xml"), limits):
        manifest += block
        if len(manifest) > _MANIFEST_BYTES:
            break
    return b"encryption-data" in manifest


class _Cells:
    """Counts the cells of the rectangle that a part with cells makes."""

    def __init__(self, body: BodyFile, part: str, limits: Limits) -> None:
        self._body, self._limits = body, limits
        self._is_sheet = part.startswith("xl/worksheets/") and part.endswith(".xml")
        self._document = _Document(self._check) if part == "content.xml" else None
        self._tail = b""
        self._width = self._height = self._unplaced = 0

    def see(self, block: bytes) -> None:
        """Look at the next bytes of the part."""
        if self._document is not None:
            self._document.see(block, self._body)
        if not self._is_sheet:
            return
        for column, row in _CELL_PLACE.findall(self._tail + block):
            self._width = max(self._width, column_number(column.decode()) + 1)
            self._height = max(self._height, int(row))
        self._unplaced += block.count(b"<c")  # a cell need not say where it is
        self._tail = block[-_PLACE_BYTES:]
        self._check(self._height, self._width)
        self._check(self._unplaced, 1)

    def see_end(self) -> None:
        """The part has ended."""
        if self._document is not None:
            self._document.see(b"", self._body)

    def _check(self, height: int, width: int) -> None:
        if height * width > self._limits.sheet_cells:
            raise UnreadableError(
                f"{self._body.name}: a sheet is too large",
                given=f"{height} rows × {width} columns",
                allowed=f"{self._limits.sheet_cells} cells",
                hint="look for a stray cell far away, or ask for a CSV file",
            )


class _Document:
    """The cells of an OpenDocument spreadsheet, repeated ones as often as they are repeated."""

    def __init__(self, check: Callable[[int, int], None]) -> None:
        self._check = check
        self._rows = self._column = self._extent = self._width = self._repeat = 0
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    def see(self, block: bytes, body: BodyFile) -> None:
        """Parse the next bytes; none: the document has ended.

        Raises:
            UnreadableError: no XML, with a document type, or too many cells.
        """
        try:
            self._parser.Parse(block, not block)
        except (expat.ExpatError, ValueError) as error:
            raise UnreadableError(
                f"{body.name}: not a workbook", given="broken XML", allowed=_NAMES["ods"]
            ) from error

    def _doctype(self, *_: object) -> None:
        raise ValueError("a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.split(" "):
            case [space, "table"] if space == _TABLE:
                self._rows = self._width = 0
            case [space, "table-row"] if space == _TABLE:
                self._repeat = int(attributes.get(f"{_TABLE} number-rows-repeated", "1"))
                self._column = self._extent = 0
            case [space, "table-cell" | "covered-table-cell"] if space == _TABLE:
                self._column += int(attributes.get(f"{_TABLE} number-columns-repeated", "1"))
                if any(key.startswith(f"{_OFFICE} ") for key in attributes):
                    self._extent = self._column
            case [space, "p"] if space == _TEXT:
                self._extent = self._column

    def _end(self, name: str) -> None:
        if name == f"{_TABLE} table-row":
            self._rows += self._repeat
            self._width = max(self._width, self._extent)
            if self._extent:
                self._check(self._rows, self._width)


def _check_compound(body: BodyFile, stated: str, limits: Limits) -> None:
    size = body.path.stat().st_size
    _check_held(body, size, limits)
    content = body.path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise _encrypted(body)
    is_workbook = any(name.encode("utf-16-le") in content for name in ("Workbook", "Book"))
    if stated != "xls" or not is_workbook:
        raise _not_that(body, stated, _NAMES["xls"] if is_workbook else "another old Office document")
    _check_opens(body)


def _check_opens(body: BodyFile) -> None:
    """Let another process open the workbook first: a damaged one can make the reader ask for any memory.

    Raises:
        UnreadableError: the reader fails in a way that would take this process with it.
    """
    command = [sys.executable, "-I", "-c", _PROBE, str(body.path), str(_PROBE_BYTES)]
    try:
        opened = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise _damaged(body) from error
    if opened.returncode:
        raise _damaged(body)


def _check_held(body: BodyFile, size: int, limits: Limits) -> None:
    if size > limits.workbook_bytes:
        raise UnreadableError(
            f"{body.name}: a workbook too large to hold",
            given=f"more than {limits.workbook_bytes} bytes of texts",
            allowed=f"{limits.workbook_bytes} bytes",
            hint="ask the source for a CSV file",
        )


def _encrypted(body: BodyFile) -> UnreadableError:
    return UnreadableError(
        f"{body.name}: the workbook is encrypted",
        given="a workbook with a password",
        allowed="one without",
        hint="ask the source for the workbook without a password",
    )


def _damaged(body: BodyFile) -> UnreadableError:
    return UnreadableError(
        f"{body.name}: not a workbook",
        given="a damaged workbook",
        allowed=_NAMES["xls"],
        hint="pull it again, or ask the source to save it anew",
    )


def _not_that(body: BodyFile, stated: str, found: str) -> UnreadableError:
    return UnreadableError(
        f"{body.name}: not a workbook"
        if found not in _NAMES.values()
        else f"{body.name}: another kind of workbook",
        given=found,
        allowed=_NAMES[stated],
        hint="correct `kind` in the contract's format, or ask the source what it sent",
    )


def _first(start: bytes) -> str:
    if not start.strip():
        return "an empty file"
    return "a page of HTML" if start.lstrip()[:1] == b"<" else "something else"
