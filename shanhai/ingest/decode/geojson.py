"""GeoJSON (RFC 7946): each feature is a record of its id, its properties and its geometry.

Sources are dotted paths into a feature: `properties.name`, `id`, `geometry.type`, `geometry.coordinates.0`;
`geometry` is the whole of it as JSON text. A geometry that is null gives missing values. Keys of
`properties`, `id` and `geometry` are those that a contract maps or ignores. Coordinates are WGS 84, longitude
first, unless the contract states the name that an older file's member `crs` has.
"""

from __future__ import annotations

import json
import re
from typing import Any

from shanhai.contracts.model import GeoJsonFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.decoded import NOT_A_RECORD, BodyCount
from shanhai.ingest.decode.encoding import check_decodable
from shanhai.ingest.decode.foreign import check_not_foreign
from shanhai.ingest.decode.headings import shown
from shanhai.ingest.decode.json_list import find_members
from shanhai.ingest.decode.json_paths import Shape
from shanhai.ingest.decode.ndjson import decode_ndjson
from shanhai.ingest.decode.record_table import Records, append_records
from shanhai.ingest.decode.records import values

_FEATURE = Shape(inside="properties", structure=("type", "bbox"))
_IS_FEATURE = "json_type(json) = 'OBJECT' AND (json->>'$.type') = 'Feature'"
_WGS84 = re.compile(
    r"(?:urn:ogc:def:crs:)?(?:OGC:(?:1\.3|1\.3\.0)?:?CRS84|EPSG:[0-9.]*:?4326)", re.IGNORECASE
)
_LONGEST_CRS = 4096


def decode_geojson(task: Records, stated: GeoJsonFormat) -> BodyCount:
    """Append the features of one body to `raw`.

    Raises:
        UnreadableError: empty, HTML, no JSON, cut off, no features, or in another coordinate system than the
            contract states.
    """
    if stated.lines:
        return decode_ndjson(task, stated.max_line_bytes, _FEATURE, _IS_FEATURE)
    check_not_foreign(task.path, task.body, allowed="GeoJSON")
    check_decodable(task.path, task.encoding, task.body)
    members = find_members(task.path, ("type", "crs", "features"), task.body, task.limits.list_bytes)
    _check_crs(task, members.get("crs"), stated.crs)
    kind = _value(task, members.get("type"))
    if kind == "Feature":
        given = values(task, None, kind="unstructured")
    elif kind == "FeatureCollection" and "features" in members:
        given = values(task, members["features"])
    else:
        raise UnreadableError(
            f"{task.body}: no features",
            given=shown(kind, 1) if isinstance(kind, str) else "no type",
            allowed="a FeatureCollection or a Feature",
        )
    fault = f"CASE WHEN {_IS_FEATURE} THEN NULL ELSE '{NOT_A_RECORD}' END"
    with given as features:
        return append_records(
            task, _FEATURE, f"(SELECT json, {fault} AS fault, json::VARCHAR AS raw FROM {features})"
        )


def _check_crs(task: Records, place: tuple[int, int] | None, stated: str | None) -> None:
    found = _value(task, place)
    properties = found.get("properties") if isinstance(found, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if stated is None and (found is None or (isinstance(name, str) and _WGS84.fullmatch(name))):
        return
    if stated is not None and name == stated:
        return
    given = "none" if found is None else shown(name, 1) if isinstance(name, str) else "one without a name"
    raise UnreadableError(
        f"{task.body}: in another coordinate system",
        given=given,
        allowed=stated or "WGS 84",
        hint="state `crs` in the contract's format, and the system in the `crs` of the columns",
    )


def _value(task: Records, place: tuple[int, int] | None) -> Any:
    """A small member of the document; None: there is none."""
    if place is None:
        return None
    with task.path.open("rb") as stream:
        stream.seek(place[0])
        text = stream.read(min(place[1] - place[0], _LONGEST_CRS))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            f"{task.body}: not JSON", given="a broken member", allowed="valid JSON"
        ) from error
