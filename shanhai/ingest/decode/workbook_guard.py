"""What a workbook may be before it is opened: of the stated kind, not encrypted, of a bearable size.

The reader holds a sheet as one rectangle (of an OpenDocument file, all sheets), so a single cell far away, or
one repeated a million times, costs as much as all in between: places of cells are counted here first.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile

from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import check_bomb, check_member_name, member_blocks, refusing_damage
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.ingest.decode.document_guard import DocumentSearch
from shanhai.ingest.decode.sheet_guard import PartSearch, check_places

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
_MANIFEST_BYTES = 1 << 20
_COMPOUND_MAGIC = b"\xd0\xcf\x11\xe0"
_NAMES = {"xlsx": "an .xlsx file", "xls": "an .xls file", "ods": "an .ods file", "xlsb": "an .xlsb file"}
_ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"


def check_workbook(body: BodyFile, stated: str, limits: Limits, *, loads_tables: bool = False) -> None:
    """Look through a workbook without opening it: every part is unpacked once, counting.

    Args:
        stated: `xlsx`, `xls` or `ods`.
        loads_tables: whether an Excel table will be asked for by its name: the reader then makes room for it.

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
        _check_parts(body, archive, found, limits, loads_tables)


def _kind(archive: zipfile.ZipFile, limits: Limits) -> str:
    names = set(archive.namelist())
    if any(name.lower().replace("\\", "/") == "xl/workbook.bin" for name in names):
        return "xlsb"  # whatever else is there: the reader may take this part first
    if "mimetype" in names:
        first = next(member_blocks(archive, archive.getinfo("mimetype"), limits), b"")
        return "ods" if first.strip() == _ODS_TYPE else ""
    return "xlsx" if "[Content_Types].xml" in names else ""


def _check_parts(
    body: BodyFile, archive: zipfile.ZipFile, kind: str, limits: Limits, loads_tables: bool
) -> None:
    packed = body.path.stat().st_size
    check_bomb(body.name, packed, sum(info.file_size for info in archive.infolist()), limits)
    if kind == "ods" and _is_encrypted(archive, limits):
        raise _encrypted(body)
    done = 0
    for info in archive.infolist():
        check_member_name(info, body.name)
        search = _search(body.name, kind, info.filename, limits, loads_tables)
        size = 0
        for block in member_blocks(archive, info, limits):
            size += len(block)
            done += len(block)
            check_bomb(body.name, packed, done, limits)
            if search.is_sheet or info.filename.lower().endswith(".xml"):
                _check_held(body, size, limits)
            search.see(block)
        search.see(b"")
        if search.is_suspect:
            blocks = member_blocks(archive, info, limits)
            check_places(blocks, body.name, limits, loads_tables=loads_tables)


def _search(
    body: str, kind: str, part: str, limits: Limits, loads_tables: bool
) -> DocumentSearch | PartSearch:
    if kind == "ods" and part == "content.xml":
        return DocumentSearch(body, limits)
    return PartSearch(limits, loads_tables=loads_tables)


def _is_encrypted(archive: zipfile.ZipFile, limits: Limits) -> bool:
    if "META-INF/manifest.xml" not in archive.namelist():
        return False
    manifest = b""
    for block in member_blocks(archive, archive.getinfo("META-INF/manifest.xml"), limits):
        manifest += block
        if len(manifest) > _MANIFEST_BYTES:
            break
    return b"encryption-data" in manifest


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
