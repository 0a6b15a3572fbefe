"""What a body is: its package, format, encoding and dialect, from its bytes alone."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from shanhai.contracts.formats import CsvFormat, Format, ParquetFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import GZIP_MAGIC, ZIP_MAGIC, unpack
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.ingest.decode.encoding import to_utf8
from shanhai.ingest.infer.dialects import find_layout
from shanhai.ingest.infer.documents import find_records
from shanhai.ingest.infer.encodings import find_encoding
from shanhai.ingest.infer.no_table import check_is_list, check_is_text, check_may_be_text, is_titled
from shanhai.ingest.infer.sheets import find_table

_PARQUET = b"PAR1"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_LOOK_BYTES = 8 * 2**20
_TWO = 2


@dataclass(frozen=True)
class Recognised:
    """What a body is.

    Attributes:
        format: as a contract states it.
        why: what speaks for it, one line each.
        plain: the file without its package.
        text: its text in UTF-8, of formats that are text.
        is_ascii: whether any encoding would do, as far as was looked.
    """

    format: Format
    why: tuple[str, ...]
    plain: Path
    text: Path | None
    is_ascii: bool = False


def recognise(body: BodyFile, work: Path) -> Recognised:
    """Tell what a body is.

    Args:
        work: an existing folder for what is unpacked and converted.

    Raises:
        UnreadableError: it is nothing that a contract can state, or damaged.
    """
    plain, packing = _unpacked(body, work)
    magic = _start(plain, 4)
    if magic == _PARQUET:
        return Recognised(ParquetFormat().model_copy(update=packing), ("by its first bytes",), plain, None)
    kind = _workbook(plain, magic)
    if kind is not None:
        stated, why = find_table(plain, body.name, kind)
        return Recognised(stated.model_copy(update=packing), (why,), plain, None)
    return _text(BodyFile(body.name, plain), work, packing)


def _text(body: BodyFile, work: Path, packing: dict[str, str]) -> Recognised:
    start = _start(body.path, _LOOK_BYTES)
    check_may_be_text(start, body.name)
    encoding = find_encoding(start)
    utf8 = body.path
    if encoding.name != "utf-8":
        utf8 = work / "recognised.utf8"
        to_utf8(body.path, utf8, encoding.name, body.name)
    text = _start(utf8, _LOOK_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    check_is_text(utf8, text, body.name)
    why = f"encoding: {encoding.why}"
    is_ascii = start.isascii() and b"\0" not in start
    titled = is_titled(text)
    if not titled and text.lstrip("\x1e \t\r\n").startswith(("{", "[")):
        stated = find_records(utf8, body.name, encoding.name)
        return Recognised(stated.model_copy(update=packing), (why,), body.path, utf8, is_ascii)
    layout = find_layout(text)
    if titled or layout.filled < _TWO:
        check_is_list(layout.lines, body.name, titled=titled and layout.filled < _TWO)
    told = layout.stated(encoding.name).model_copy(update=packing)
    notes = (f"dialect: {layout.why}", layout.left_out, *_headings(told))
    return Recognised(told, (why, *filter(None, notes)), body.path, utf8, is_ascii)


def _headings(stated: CsvFormat) -> tuple[str, ...]:
    return (
        () if stated.header else ("the first line looks like the others: no headings, columns by position",)
    )


def _unpacked(body: BodyFile, work: Path) -> tuple[Path, dict[str, str]]:
    """The plain bytes, and what a contract says of the package beyond `auto`."""
    magic = _start(body.path, 4)
    is_zip = magic == ZIP_MAGIC and _workbook(body.path, magic) is None
    if not (is_zip or magic.startswith(GZIP_MAGIC)):
        return body.path, {}
    member = _largest_member(body) if is_zip else None
    stated = CsvFormat(compression="zip" if is_zip else "gz", member=member)
    plain = unpack(body, stated, work / "recognised.unpacked", Limits())
    inside = _start(plain, 4)
    is_text = inside != _PARQUET and _workbook(plain, inside) is None
    packing = {} if is_text else {"compression": stated.compression}
    return plain, {**packing, **({"member": member} if member else {})}


def _largest_member(body: BodyFile) -> str | None:
    """The member that has the data, where there are several."""
    try:
        with zipfile.ZipFile(body.path) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableError(f"{body.name}: the zip file is damaged", given="a broken archive") from error
    if len(files) < 2:
        return None
    name = max(files, key=lambda info: info.file_size).filename
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _workbook(path: Path, magic: bytes) -> str | None:
    if magic == _OLD_OFFICE:
        return "xls"
    if magic != ZIP_MAGIC:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names:
                return "xlsx"
            if "mimetype" in names and b"opendocument.spreadsheet" in archive.read("mimetype")[:200]:
                return "ods"
    except (zipfile.BadZipFile, OSError, RuntimeError):
        return None
    return None


def _start(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)
