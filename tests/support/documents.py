"""OpenDocument spreadsheets, written by the letter of the standard (ODF 1.3) and without a library."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Cell = str | int | float | bool | None

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)


@dataclass(frozen=True)
class Document:
    """One document: the XML of the rows of its one sheet, or of whole sheets."""

    rows: str = ""
    sheets: str = ""
    before: str = ""
    manifest: str = ""

    def bytes(self) -> bytes:
        """The file."""
        sheets = self.sheets or f'<table:table table:name="表1">{self.rows}</table:table>'
        content = (
            f'<?xml version="1.0" encoding="UTF-8"?>{self.before}<office:document-content {_SPACES} '
            f'office:version="1.3"><office:body><office:spreadsheet>{sheets}'
            "</office:spreadsheet></office:body></office:document-content>"
        )
        manifest = (
            '<?xml version="1.0"?><manifest:manifest '
            'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_TYPE}">{self.manifest}'
            "</manifest:file-entry></manifest:manifest>"
        )
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", _TYPE, zipfile.ZIP_STORED)
            archive.writestr("META-INF/manifest.xml", manifest)
            archive.writestr("content.xml", content)
        return out.getvalue()


def ods(*sheets: Sequence[Sequence[Cell]]) -> bytes:
    """A document with one sheet for each table: 表1, 表2 …"""
    tables = (
        f'<table:table table:name="表{number}">{"".join(map(_row, rows))}</table:table>'
        for number, rows in enumerate(sheets, start=1)
    )
    return Document(sheets="".join(tables)).bytes()


def _row(cells: Sequence[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_cell, cells))}</table:table-row>"


def _cell(value: Cell) -> str:
    match value:
        case None:
            return "<table:table-cell/>"
        case bool():
            kind = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
        case int() | float():
            kind = f'office:value-type="float" office:value="{value!r}"'
        case str():
            kind = 'office:value-type="string"'
    text = "".join(f"<text:p>{escape(line)}</text:p>" for line in str(value).split("\n"))
    return f"<table:table-cell {kind}>{text}</table:table-cell>"
