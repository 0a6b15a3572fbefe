"""Where the records of a JSON document are, and which sources they have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shanhai.contracts.formats import GeoJsonFormat, JsonFormat, NdjsonFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import Limits
from shanhai.ingest.decode.json_list import find_list, find_members
from shanhai.ingest.infer.people import is_of_people

_DEEPEST = 4
_HELD_BYTES = 64 * 2**20
_LOOK_BYTES = 4096
_USUAL = (
    *("data.records", "data.items", "data.list", "data.rows", "data", "records", "items", "results", "rows"),
    *("result.records", "result.items", "result.list", "result", "value", "list"),
)
"""Where lists of records usually stand, for documents too large to be held and searched."""

_NOT_READ = (ValueError, RecursionError)
"""Broken JSON, or nested deeper than a reader follows."""

JsonKind = JsonFormat | NdjsonFormat | GeoJsonFormat


def find_records(path: Path, body: str, encoding: str) -> JsonKind:
    """The format of a JSON text in UTF-8.

    Raises:
        UnreadableError: no list of records in it.
    """
    lines = _first_lines(path)
    if lines and all(isinstance(line, dict) for line in lines):
        features = all(line.get("type") == "Feature" for line in lines)
        if len(lines) > 1:
            return (
                GeoJsonFormat(encoding=encoding, lines=True) if features else NdjsonFormat(encoding=encoding)
            )
    with path.open("rb") as stream:
        is_object = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    if not is_object:
        return JsonFormat(encoding=encoding, lists=_has_lists(path, "", body))
    members = find_members(path, ("type", "features", "crs"), body, Limits().list_bytes)
    if "features" in members:
        _start_of_list(path, members["features"], body)
    if "features" in members or _value(path, members.get("type")) == "Feature":
        crs = _value(path, members.get("crs"))
        name = crs.get("properties", {}).get("name") if isinstance(crs, dict) else None
        is_usual = name is None or name.upper().endswith(("CRS84", "4326"))
        return GeoJsonFormat(encoding=encoding, crs=None if is_usual else name)
    records = _longest_list(path) if path.stat().st_size <= _HELD_BYTES else _usual_list(path, body)
    if records is None:
        raise UnreadableError(
            f"{body}: no list of records", given="a JSON document without one", allowed="a list of objects"
        )
    return JsonFormat(encoding=encoding, records=records, lists=_has_lists(path, records, body))


def leaves(records: Iterable[Mapping[str, Any]], *, inside: str | None = None) -> list[str]:
    """Dotted sources of all values in some records, in the order in which they were met; lists stay whole.

    Args:
        inside: the key whose content is looked into as if it were the record (`properties` of GeoJSON).
    """
    found: dict[str, bool] = {}
    for record in records:
        for source, value in _walk(record, "", 1 if inside else 0):
            found[source] = found.get(source, False) or value is not None
    # What is an object in one record and null in another is known by its parts.
    return [
        source
        for source, has_value in found.items()
        if has_value or not any(other.startswith(f"{source}.") for other in found)
    ]


def _walk(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner and depth < _DEEPEST:
            yield from _walk(inner, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", inner


def _first_lines(path: Path) -> list[Any] | None:
    """The first lines as JSON; None: they are none."""
    found: list[Any] = []
    with path.open("rb") as stream:
        for _ in range(5):
            line = stream.readline(1 << 20).removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\x1e")
            if not line:
                continue
            try:
                found.append(json.loads(line))
            except _NOT_READ:
                return None
    return found


def _value(path: Path, place: tuple[int, int] | None) -> Any:
    if place is None or place[1] - place[0] > 4096:
        return None
    with path.open("rb") as stream:
        stream.seek(place[0])
        try:
            return json.loads(stream.read(place[1] - place[0]))
        except _NOT_READ:
            return None


def _longest_list(path: Path) -> str | None:
    """The path of the longest list of objects or lists in a document; none whose keys are of people."""
    try:
        document = json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except _NOT_READ as error:
        given = "a broken document" if isinstance(error, ValueError) else "one that is nested too deep"
        raise UnreadableError("not JSON", given=given, allowed="valid JSON") from error
    lists = [
        (len(value), source)
        for source, value in _walk(document, "", 0)
        if isinstance(value, list) and value and isinstance(value[0], dict | list)
        if not any(map(is_of_people, source.split(".")))  # it would stand in the draft
    ]
    return max(lists)[1] if lists else None


def _usual_list(path: Path, body: str) -> str | None:
    for records in _USUAL:
        try:
            find_list(path, tuple(records.split(".")), body, Limits().list_bytes)
        except UnreadableError:
            continue
        return records
    return None


def _has_lists(path: Path, records: str, body: str) -> bool:
    keys = tuple(records.split(".")) if records else ()
    place = find_list(path, keys, body, Limits().list_bytes)
    return _start_of_list(path, place, body).startswith(b"[")


def _start_of_list(path: Path, place: tuple[int, int], body: str) -> bytes:
    """What a list begins with.

    Raises:
        UnreadableError: it is empty, so that it does not tell what the others are.
    """
    with path.open("rb") as stream:
        stream.seek(place[0] + 1)
        start = stream.read(min(_LOOK_BYTES, place[1] - place[0] - 1)).lstrip()
    if start == b"]":
        raise UnreadableError(f"{body}: no records", given="an empty list", allowed="a list of objects")
    return start
