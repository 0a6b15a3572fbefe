"""What plain readers find in a file: headings and rows as texts. Nothing here shares code with Shanhai."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Plain:
    """A table as a plain reader sees it.

    Attributes:
        rows: None for a record that has not as many cells as there are headings.
        lines: physical lines that the headings and well-formed records take, where there are lines.
    """

    headings: tuple[str, ...]
    rows: tuple[Row | None, ...]
    lines: int | None = None


def read_plain(body: bytes, stated: Mapping[str, Any]) -> Plain:
    """The table in a body, by the keys of a contract's format."""
    kind = stated["kind"]
    if kind in ("csv", "json", "ndjson"):
        body = _unpacked(body, stated.get("member"))
    match kind:
        case "csv":
            return _csv(body.decode(stated.get("encoding", "utf-8")).removeprefix("\ufeff"), stated)
        case "json":
            return _json(body, stated)
        case "ndjson":
            return _objects([json.loads(line) for line in body.decode().splitlines() if line.strip()])
        case "xlsx":
            if stated.get("header_rows", 1) > 1:
                return _banded(body, stated)
            return _sheet(_xlsx(body, stated), stated)
        case "ods":
            return _sheet(_ods(body, stated), stated)
        case _:
            raise ValueError(kind)


def physical_lines(text: str) -> list[str]:
    """The lines of a text, each ended by LF, CRLF or CR."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z", text)


def _unpacked(body: bytes, member: str | None) -> bytes:
    if body[:2] == b"\x1f\x8b":
        return gzip.decompress(body)
    if body[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return archive.read(member or archive.namelist()[0])
    return body


def _csv(text: str, stated: Mapping[str, Any]) -> Plain:
    lines = physical_lines(text)[stated.get("skip_lines", 0) :]
    comment = stated.get("comment")
    quote = stated.get("quote", '"')
    reader = csv.reader(
        [line for line in lines if not comment or not line.startswith(comment)],
        delimiter=stated.get("delimiter", ","),
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=bool(re.search(f"{re.escape(stated.get('delimiter', ','))} {quote or '$^'}", text)),
    )
    taken, before, records = [], 0, []
    for record in reader:
        records.append(record)
        taken.append(reader.line_num - before)
        before = reader.line_num
    full = [(record, lines) for record, lines in zip(records, taken, strict=True) if record]
    if not stated.get("header", True):
        width = stated["width"]
        headings, body = tuple(str(number) for number in range(1, width + 1)), full
        line_count = 0
    else:
        headings, body = _named(full[0][0]), full[1:]
        line_count = full[0][1]
    rows = tuple(_fitted(record, len(headings)) for record, _ in body)
    line_count += sum(lines for (_, lines), row in zip(body, rows, strict=True) if row is not None)
    return Plain(headings, rows, line_count)


def _fitted(record: Sequence[str], width: int) -> Row | None:
    cells = list(record)
    while len(cells) > width and not cells[-1]:
        cells.pop()
    return tuple(cell or None for cell in cells) if len(cells) == width else None


def _named(headings: Sequence[str | None]) -> tuple[str, ...]:
    return tuple((text or "").strip() or f"#{number}" for number, text in enumerate(headings, start=1))


def _json(body: bytes, stated: Mapping[str, Any]) -> Plain:
    value = json.loads(body.decode(stated.get("encoding", "utf-8-sig")))
    for key in stated["records"].split(".") if stated.get("records") else ():
        value = value[key]
    if stated.get("lists"):
        headings = tuple(map(str, value[0]))
        rows = (tuple(map(json_text, row)) if len(row) == len(headings) else None for row in value[1:])
        return Plain(headings, tuple(rows))
    return _objects(value)


def _objects(values: list[Any]) -> Plain:
    keys = tuple(dict.fromkeys(key for value in values if isinstance(value, dict) for key in value))
    rows = (
        tuple(json_text(value.get(key)) for key in keys) if isinstance(value, dict) else None
        for value in values
    )
    return Plain(keys, tuple(rows), None)


def json_text(value: Any) -> str | None:
    """The text of a JSON value."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _xlsx(body: bytes, stated: Mapping[str, Any]) -> Iterator[list[Any]]:
    book = openpyxl.load_workbook(io.BytesIO(body), data_only=True)
    wanted = stated.get("sheet", 0)
    sheet = book[wanted] if isinstance(wanted, str) else book.worksheets[wanted]
    for row in sheet.iter_rows():
        yield [cell.value if cell.data_type != "e" else None for cell in row]


def _banded(body: bytes, stated: Mapping[str, Any]) -> Plain:
    """A table with headings of several rows, cell by cell as a person looks at them."""
    sheet = openpyxl.load_workbook(io.BytesIO(body), data_only=True).worksheets[stated.get("sheet", 0)]
    cells = sheet[stated.get("range", sheet.dimensions)]
    merged = {place: area for area in sheet.merged_cells.ranges for place in area.cells}
    headings = []
    for column in zip(*cells[: stated["header_rows"]], strict=True):
        areas = dict.fromkeys(merged.get((cell.row, cell.column), (cell.row, cell.column)) for cell in column)
        corners = [area if isinstance(area, tuple) else (area.min_row, area.min_col) for area in areas]
        parts = [cell_text(sheet.cell(*corner).value) or "" for corner in corners]
        headings.append(" / ".join(part.strip() for part in parts if part.strip()))
    rows = ([cell_text(cell.value) for cell in row] for row in cells[stated["header_rows"] :])
    return Plain(tuple(headings), tuple(tuple(row) for row in rows if any(cell is not None for cell in row)))


def _ods(body: bytes, stated: Mapping[str, Any]) -> Iterator[list[Any]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = ET.fromstring(archive.read("content.xml"))  # noqa: S314 - files that we know
    tables = list(content.iter(f"{_TABLE}table"))
    wanted = stated.get("sheet", 0)
    table = next(
        table for number, table in enumerate(tables) if wanted in (number, table.get(f"{_TABLE}name"))
    )
    for row in table.iter(f"{_TABLE}table-row"):
        cells: list[Any] = []
        for cell in row:
            repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
            cells += [_ods_value(cell)] * min(repeated, 100)
        yield cells


def _ods_value(cell: ET.Element) -> Any:
    match cell.get(f"{_OFFICE}value-type"):
        case "float":
            return float(cell.get(f"{_OFFICE}value", ""))
        case "boolean":
            return cell.get(f"{_OFFICE}boolean-value") == "true"
        case "date":
            text = cell.get(f"{_OFFICE}date-value", "")
            return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)
        case "string":
            return "\n".join("".join(p.itertext()) for p in cell.iter(f"{_TEXT}p"))
        case _:
            return None


def _sheet(rows: Iterator[list[Any]], stated: Mapping[str, Any]) -> Plain:
    texts = [[cell_text(cell) for cell in row] for row in rows][stated.get("header_row", 1) - 1 :]
    headed = stated.get("header_rows", 1)
    first = texts[0] if headed else [str(number) for number in range(1, stated.get("width", 0) + 1)]
    while first and first[-1] is None:
        first.pop()
    headings = _named(first)
    body = [row for row in texts[headed:] if any(cell is not None for cell in row)]
    return Plain(
        headings,
        tuple(
            _fitted([cell or "" for cell in row] + [""] * (len(headings) - len(row)), len(headings))
            for row in body
        ),
    )


def cell_text(value: Any) -> str | None:
    """The text of a spreadsheet's value."""
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)
