"""Which columns are coordinates, and the systems that a longitude or a latitude can be in."""

from __future__ import annotations

import re
from typing import Literal

from shanhai.contracts.model import Column

Axis = Literal["longitude", "latitude"]

SYSTEMS = ("WGS84", "CGCS2000", "GCJ02", "BD09")
"""Systems in degrees. WGS84 and CGCS2000 differ by centimetres, the other two by hundreds of metres."""

_WORDS: dict[str, Axis] = {
    "longitude": "longitude",
    "lon": "longitude",
    "lng": "longitude",
    "latitude": "latitude",
    "lat": "latitude",
}
_PROJECTED = re.compile(r"(EPSG|ESRI):[1-9][0-9]{3,5}")


def axis_of(column: Column) -> Axis | None:
    """What the last word of a column's name says: `longitude`, `lon`, `lng`, `latitude`, `lat`."""
    return _WORDS.get(column.name.rpartition("_")[2])


def is_projected(crs: str) -> bool:
    """Whether `crs` is an authority's number, as of a plane in metres or feet: `EPSG:4549`, `ESRI:102696`."""
    return _PROJECTED.fullmatch(crs) is not None
