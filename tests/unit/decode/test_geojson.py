"""GeoJSON: features as records, null geometries, coordinate systems, and what is no feature."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shanhai.contracts.model import GeoJsonFormat
from shanhai.errors import UnreadableError

POINT = {"type": "Point", "coordinates": [119.17, 29.03, 45.5]}
STATION = {
    "type": "Feature",
    "id": 7,
    "properties": {"名称": "灵江", "db": 51.5, "tags": ["a", "b"], "x.y": 1},
    "geometry": POINT,
}
NOWHERE = {"type": "Feature", "properties": None, "geometry": None}
SOURCES = ("id", "properties.名称", "geometry.type", "geometry.coordinates.0", "geometry.coordinates.1")
IGNORED = ("properties.db", "properties.tags", "properties.x.y")


def collection(*features: Any, **members: Any) -> bytes:
    document = {"type": "FeatureCollection", **members, "features": list(features)}
    return json.dumps(document, ensure_ascii=False).encode()


def test_a_feature_is_a_record(decoded):
    outcome = decoded(collection(STATION, NOWHERE), GeoJsonFormat(), *SOURCES, ignored=IGNORED)
    assert outcome.cells == [("7", "灵江", "Point", "119.17", "29.03"), (None,) * 5]
    assert (outcome.faults, outcome.decoded.missing, outcome.decoded.unknown) == ([], (), ())


def test_geometry_as_text_and_a_property_with_a_dot(decoded):
    sources = ("geometry", "properties.x.y", "properties.tags", "properties.tags.1")
    outcome = decoded(collection(STATION), GeoJsonFormat(), *sources, ignored=("id", "properties"))
    assert json.loads(outcome.cells[0][0]) == POINT
    assert outcome.cells[0][1:] == ("1", '["a","b"]', "b")


def test_what_nobody_decided_about(decoded):
    outcome = decoded(
        collection({**STATION, "note": 1}, bbox=[1, 2, 3, 4], name="stations"),
        GeoJsonFormat(),
        "properties.名称",
        "properties.gone",
        required=("properties.gone",),
    )
    assert outcome.decoded.unknown == (
        *("geometry", "id", "note"),
        *("properties.db", "properties.tags", "properties.x.y"),
    )
    assert outcome.decoded.missing == ("properties.gone",)
    kept = decoded(collection(STATION), GeoJsonFormat(), "id", ignored=("properties", "geometry"))
    assert kept.decoded.unknown == ()


def test_what_is_no_feature_is_no_record(decoded):
    body = collection(STATION, 1, POINT, None, {"properties": {"名称": "?"}})
    outcome = decoded(body, GeoJsonFormat(), "properties.名称", ignored=("properties", "id", "geometry"))
    assert outcome.cells == [("灵江",), (None,), (None,), (None,), (None,)]
    assert [(at, reason) for at, reason, _ in outcome.faults] == [(at, "not_a_record") for at in (2, 3, 4, 5)]


def test_one_feature_alone(decoded):
    body = json.dumps(STATION).encode()
    assert decoded(body, GeoJsonFormat(), *SOURCES).cells == [("7", "灵江", "Point", "119.17", "29.03")]


@pytest.mark.parametrize("separator", ["", "\x1e"])
def test_one_feature_a_line(decoded, separator):
    lines = [json.dumps(STATION), json.dumps(POINT), "{", json.dumps(NOWHERE)]
    body = "".join(f"{separator}{line}\n" for line in lines).encode()
    outcome = decoded(body, GeoJsonFormat(lines=True), *SOURCES)
    assert [row[0] for row in outcome.cells] == ["7", None, None, None]
    assert [(at, reason) for at, reason, _ in outcome.faults] == [(2, "not_a_record"), (3, "not_json")]
    assert outcome.decoded.lines == 4


def named(crs: object) -> dict[str, Any]:
    return {"crs": {"type": "name", "properties": {"name": crs}}}


@pytest.mark.parametrize(
    "name",
    [
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "urn:ogc:def:crs:OGC::CRS84",
        "EPSG:4326",
        "urn:ogc:def:crs:EPSG::4326",
    ],
)
def test_names_of_wgs_84(decoded, name):
    assert decoded(collection(STATION, **named(name)), GeoJsonFormat(), *SOURCES).decoded.rows == 1


def test_another_coordinate_system_is_stated_or_refused(decoded):
    body = collection(STATION, **named("EPSG:4490"))
    assert decoded(body, GeoJsonFormat(crs="EPSG:4490"), *SOURCES).decoded.rows == 1
    for other in (body, collection(STATION, **named(7)), collection(STATION, crs={"type": "link"})):
        with pytest.raises(UnreadableError, match="another coordinate system"):
            decoded(other, GeoJsonFormat(), *SOURCES)
    for without in (collection(STATION), collection(STATION, crs=None)):
        with pytest.raises(UnreadableError, match=r"another coordinate system.*none.*EPSG:4490"):
            decoded(without, GeoJsonFormat(crs="EPSG:4490"), *SOURCES)


REFUSED = {
    "empty": (b"", "empty"),
    "html": (b"<html>login</html>", "HTML"),
    "a list": (b"[]", "no object"),
    "a geometry": (json.dumps(POINT).encode(), "no features.*Point"),
    "no type": (b'{"features": []}', "no features.*no type"),
    "no features": (b'{"type": "FeatureCollection"}', "no features"),
    "features twice": (b'{"type": "FeatureCollection", "features": [], "features": []}', "stands twice"),
    "no list of features": (b'{"type": "FeatureCollection", "features": {"a": 1}}', "not JSON"),
    "cut off": (collection(STATION)[:-5], "cut off"),
    "broken": (collection(STATION).replace(b'"id":', b'"id"'), r"not JSON.*byte \d+"),
    "another encoding": (collection(STATION).decode().encode("gb18030"), "not utf-8"),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_whole(decoded, body, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, GeoJsonFormat(), *SOURCES)
