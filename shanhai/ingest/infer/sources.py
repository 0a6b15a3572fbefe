"""The columns that a body has, in its own order: headings, positions or dotted paths."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.formats import (
    CsvFormat,
    Format,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
    ParquetFormat,
    WorkbookFormat,
)
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import BodyFile, Limits
from shanhai.ingest.decode.dialect import Dialect
from shanhai.ingest.decode.json_list import find_list, find_members
from shanhai.ingest.decode.opening import read_opening
from shanhai.ingest.decode.sheet import opened
from shanhai.ingest.decode.workbook import joined_headings
from shanhai.ingest.infer.documents import leaves

_RECORDS = 2_000


@dataclass(frozen=True)
class Sources:
    """What a contract can name in a body.

    Attributes:
        names: sources, as a contract states them.
        titles: what the source calls each, where that is something else.
        nested: whether a name is a dotted path in a record.
        ignored: headings that nobody can want: an index without a name.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    nested: bool
    ignored: tuple[str, ...] = ()


def names_said(sources: Sources, readings: Sequence[Reading]) -> Iterator[str]:
    """What each heading says for a name; `column_3` of the third of the body, from 1, where it says none."""
    first = len(sources.ignored) + 1
    for place, (title, reading) in enumerate(zip(sources.titles, readings, strict=True), start=first):
        said = reading.name if title != f"#{place}" else None
        yield said or f"column_{place}"


def sources_of(body: BodyFile, stated: Format, text: Path | None) -> tuple[Sources, Format]:
    """The sources of a body; the format is another one where its headings cannot be told apart.

    Args:
        text: the body in UTF-8, of formats that are text.

    Raises:
        UnreadableError: it has none.
    """
    match stated:
        case CsvFormat():
            return _delimited(body, stated, text or body.path)
        case WorkbookFormat():
            return _workbook(body, stated), stated
        case ParquetFormat():
            return _parquet(body), stated
        case JsonFormat() if stated.lists:
            first = next(_records(body, stated, text or body.path), None)
            names = tuple(str(cell) for cell in first) if isinstance(first, list) else ()
            if not names:
                raise UnreadableError(
                    f"{body.name}: no headings",
                    given="lists of cells without a first one",
                    allowed="headings",
                )
            return Sources(names, names, nested=False), stated
        case JsonFormat() | NdjsonFormat() | GeoJsonFormat():
            return _nested(list(_records(body, stated, text or body.path)), body, stated), stated


def _delimited(body: BodyFile, stated: CsvFormat, text: Path) -> tuple[Sources, Format]:
    if not stated.header:
        width = _width(text, stated, body.name)
        return _positions(("",) * width), stated
    headings = read_opening(text, stated, Dialect.of(stated), body.name).headings or ()
    named = [heading.strip() for heading in headings]
    if len({name for name in named if name}) < sum(map(bool, named)):
        # Twice the same heading: told apart by position, with the line of headings skipped.
        by_position = stated.model_copy(update={"header": False, "skip_lines": stated.skip_lines + 1})
        return _positions(tuple(named)), by_position
    known = tuple(name or f"#{number}" for number, name in enumerate(named, start=1))
    return _with_index(known), stated


def _positions(titles: tuple[str, ...]) -> Sources:
    return Sources(tuple(str(number) for number in range(1, len(titles) + 1)), titles, nested=False)


def _with_index(names: tuple[str, ...]) -> Sources:
    ignored = names[:1] if names and names[0] == "#1" and len(names) > 1 else ()
    kept = names[len(ignored) :]
    return Sources(kept, kept, nested=False, ignored=ignored)


def _width(text: Path, stated: CsvFormat, body: str) -> int:
    opening = read_opening(text, stated.model_copy(update={"header": True}), Dialect.of(stated), body)
    return len(opening.headings or ())


def _workbook(body: BodyFile, stated: WorkbookFormat) -> Sources:
    with opened(body, stated) as sheet:
        rows = [next(sheet.rows, []) for _ in range(stated.header_row - 1 + max(1, stated.header_rows))]
        left, merges = sheet.area.left, sheet.merges
    first = stated.header_row - 1
    if not stated.header_rows:
        return _positions(("",) * len(rows[first][left:]))
    headings = joined_headings(rows[first:], first, merges, stated.separator)[left:]
    while headings and not headings[-1]:
        headings.pop()
    return _with_index(tuple(text or f"#{number}" for number, text in enumerate(headings, start=1)))


def _parquet(body: BodyFile) -> Sources:
    try:
        schema = pq.read_schema(body.path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(
            f"{body.name}: the Parquet file cannot be read", given="a damaged file", allowed="plain Parquet"
        ) from error
    names = tuple(name for field in schema for name in _fields(field, field.name))
    return Sources(names, names, nested=any(pa.types.is_struct(field.type) for field in schema))


def _fields(field: pa.Field, name: str) -> Iterator[str]:
    if not pa.types.is_struct(field.type):
        yield name
        return
    for inner in field.type:
        yield from _fields(inner, f"{name}.{inner.name}")


def _nested(records: list[Any], body: BodyFile, stated: Format) -> Sources:
    objects = [record for record in records if isinstance(record, dict)]
    if not objects:
        given = "a list without objects" if records else "a list whose first record is no JSON"
        raise UnreadableError(f"{body.name}: no records", given=given, allowed="a list of objects")
    if isinstance(stated, GeoJsonFormat):
        inner = [{"properties": record.get("properties") or {}} for record in objects]
        named = [name for name in leaves(inner, inside="properties") if name != "properties"]
        points = all((one.get("geometry") or {"type": "Point"}).get("type") == "Point" for one in objects)
        place = ["geometry.coordinates.0", "geometry.coordinates.1"] if points else ["geometry"]
        known = ["id"] if any("id" in record for record in objects) else []
        names = (*known, *named, *place)
    else:
        names = tuple(leaves(objects))
    return Sources(names, names, nested=True)


def _records(body: BodyFile, stated: Format, text: Path) -> Iterator[Any]:
    """The first records of a JSON text."""
    lines = isinstance(stated, NdjsonFormat) or (isinstance(stated, GeoJsonFormat) and stated.lines)
    if lines:
        yield from _lines(text)
        return
    if isinstance(stated, GeoJsonFormat):
        place = find_members(text, ("features",), body.name, Limits().list_bytes).get("features")
        if place is None:
            with contextlib.suppress(ValueError, RecursionError):
                yield json.loads(text.read_bytes().removeprefix(b"\xef\xbb\xbf"))
            return
    else:
        keys = tuple(stated.records.split(".")) if isinstance(stated, JsonFormat) and stated.records else ()
        place = find_list(text, keys, body.name, Limits().list_bytes)
    yield from _elements(text, place)


def _elements(text: Path, place: tuple[int, int]) -> Iterator[Any]:
    """The first elements of a list inside a document, parsed one by one."""
    decoder = json.JSONDecoder()
    size = 1 << 22
    with text.open("rb") as stream:
        stream.seek(place[0] + 1)
        held = stream.read(min(size, place[1] - place[0] - 2)).decode("utf-8", "ignore")
    position = 0
    for _ in range(_RECORDS):
        while position < len(held) and held[position] in ", \t\r\n":
            position += 1
        try:
            value, position = decoder.raw_decode(held, position)
        except (ValueError, RecursionError):
            return
        yield value


def _lines(text: Path) -> Iterator[Any]:
    with text.open("rb") as stream:
        for number, line in enumerate(stream):
            if number >= _RECORDS:
                return
            try:
                yield json.loads(line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\x1e"))
            except (ValueError, RecursionError):
                continue
