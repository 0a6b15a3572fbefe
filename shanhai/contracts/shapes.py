"""Canonical shapes: what datasets of different districts become so that they can be counted together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ShapeColumn:
    """One column of a shape; `type` is a DuckDB type, `codes` closes its values."""

    name: str
    type: str
    required: bool = False
    codes: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Shape:
    """A canonical shape: datasets that feed it meet in `int_<name>__unioned`."""

    name: str
    description: str
    columns: tuple[ShapeColumn, ...]


TRACKS = ("party_building", "economy", "safety", "services")
CHANNELS = ("sensor", "platform", "grid_staff", "public")
STATUSES = ("open", "closed", "cancelled")
LEVELS = ("province", "city", "district", "street", "community")
STAMPS = ("reported_at", "signed_at", "dispatched_at", "arrived_at", "solved_at", "verified_at")

_EVENT = Shape(
    "event",
    "Something that was reported in a district and worked on: at most six stamps, one channel, one track.",
    (
        ShapeColumn("event_id", "VARCHAR", required=True, description="the source's own id"),
        ShapeColumn("area_code", "VARCHAR", description="statistical area code of 2 to 12 digits"),
        ShapeColumn("category", "VARCHAR", description="the source's own class of event"),
        ShapeColumn("track", "VARCHAR", codes=TRACKS, description="党建统领, 经济生态, 平安法治, 公共服务"),
        ShapeColumn("channel", "VARCHAR", required=True, codes=CHANNELS),
        ShapeColumn("grid_code", "VARCHAR", description="area code of 12 digits and 3 more"),
        ShapeColumn("status", "VARCHAR", codes=STATUSES),
        *(ShapeColumn(stamp, "TIMESTAMP WITH TIME ZONE") for stamp in STAMPS),
        ShapeColumn("longitude", "DOUBLE"),
        ShapeColumn("latitude", "DOUBLE"),
        ShapeColumn("crs", "VARCHAR", description="coordinate system of longitude and latitude"),
    ),
)
_AREA = Shape(
    "area",
    "One statistical division in one edition of the register.",
    (
        ShapeColumn("edition", "VARCHAR", required=True, description="ISO date of the edition"),
        ShapeColumn("area_code", "VARCHAR", required=True),
        ShapeColumn("area_name", "VARCHAR", required=True),
        ShapeColumn("area_level", "VARCHAR", required=True, codes=LEVELS),
        ShapeColumn("parent_code", "VARCHAR"),
    ),
)
_AREA_CHANGE = Shape(
    "area_change",
    "The life of a county-level or higher code: from when, until when, and what it became.",
    (
        ShapeColumn("area_code", "VARCHAR", required=True),
        ShapeColumn("area_name", "VARCHAR"),
        ShapeColumn("start_year", "INTEGER"),
        ShapeColumn("end_year", "INTEGER"),
        ShapeColumn("successor_codes", "VARCHAR", description="as the source writes them"),
    ),
)

SHAPES: Mapping[str, Shape] = MappingProxyType({shape.name: shape for shape in (_EVENT, _AREA, _AREA_CHANGE)})
