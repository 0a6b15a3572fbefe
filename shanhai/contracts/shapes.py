"""Canonical shapes: what datasets of different districts become so that they can be counted together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shanhai.contracts.coordinates import SYSTEMS
from shanhai.contracts.quantities import QUANTITIES


@dataclass(frozen=True)
class ShapeColumn:
    """One column of a shape; `type` is a DuckDB type, `codes` closes its values.

    `default` is the value of every row where a feed does not name the column.
    """

    name: str
    type: str
    required: bool = False
    codes: tuple[str, ...] = ()
    default: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Shape:
    """A canonical shape: datasets that feed it meet in `int_<name>__unioned`."""

    name: str
    description: str
    columns: tuple[ShapeColumn, ...]

    @property
    def is_located(self) -> bool:
        """Whether its rows have a place, which the union converts to one coordinate system."""
        return {"longitude", "latitude", "crs"} <= {column.name for column in self.columns}

    def column(self, name: str) -> ShapeColumn | None:
        """The column called `name`; None where there is none."""
        return next((column for column in self.columns if column.name == name), None)


TRACKS = ("party_building", "economy", "safety", "services")
CHANNELS = ("sensor", "platform", "grid_staff", "public")
STATUSES = ("open", "closed", "cancelled")
LEVELS = ("province", "city", "district", "street", "community")
QUALITIES = ("good", "suspect", "missing", "invalid")
SUBJECTS = ("building", "village", "grid")
ZONES = ("0", "1", "2", "3", "4a", "4b")
STAMPS = ("reported_at", "signed_at", "dispatched_at", "arrived_at", "solved_at", "verified_at")

_PLACE = (
    ShapeColumn("longitude", "DOUBLE", description="degrees east, converted to WGS84 or CGCS2000"),
    ShapeColumn("latitude", "DOUBLE", description="degrees north, likewise"),
    ShapeColumn("crs", "VARCHAR", codes=SYSTEMS, description="coordinate system of longitude and latitude"),
)
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
        *_PLACE,
    ),
)
_READING = Shape(
    "reading",
    "One value of one quantity that a sensor gave for one instant.",
    (
        ShapeColumn("sensor_id", "VARCHAR", required=True, description="the source's own id"),
        ShapeColumn("quantity", "VARCHAR", required=True, codes=tuple(QUANTITIES)),
        ShapeColumn("value", "DOUBLE", description="in the quantity's unit"),
        ShapeColumn("unit", "VARCHAR", description="the quantity's; never fed"),
        ShapeColumn(
            "observed_at", "TIMESTAMP WITH TIME ZONE", required=True, description="start of the interval"
        ),
        ShapeColumn(
            "interval_seconds",
            "INTEGER",
            description="from one reading to the next, as the source promises; a mean covers that long",
        ),
        ShapeColumn(
            "quality",
            "VARCHAR",
            required=True,
            codes=QUALITIES,
            default="good",
            description="missing wherever there is no value",
        ),
        ShapeColumn("zone_class", "VARCHAR", codes=ZONES, description="声环境功能区 by GB 3096-2008"),
        ShapeColumn("area_code", "VARCHAR", description="statistical area code of 2 to 12 digits"),
        *_PLACE,
    ),
)
_SENSOR = Shape(
    "sensor",
    "A sensor in its owner's register: the class of the area around it and its place, from a day on.",
    (
        ShapeColumn("sensor_id", "VARCHAR", required=True, description="as the readings have it"),
        ShapeColumn(
            "readings_of", "VARCHAR", required=True, description="dataset of the same district that has them"
        ),
        ShapeColumn("valid_from", "DATE", description="missing: since ever"),
        ShapeColumn("zone_class", "VARCHAR", codes=ZONES, description="声环境功能区 by GB 3096-2008"),
        ShapeColumn("area_code", "VARCHAR", description="statistical area code of 2 to 12 digits"),
        *_PLACE,
    ),
)
_SUBJECT = Shape(
    "subject",
    "Something that is to be kept up to date, such as a building or a village, and when it last was.",
    (
        ShapeColumn("subject_id", "VARCHAR", required=True, description="the source's own id"),
        ShapeColumn("kind", "VARCHAR", required=True, codes=SUBJECTS),
        ShapeColumn("area_code", "VARCHAR", required=True),
        ShapeColumn("updated_date", "DATE", description="missing: never"),
    ),
)
_HEADCOUNT = Shape(
    "headcount",
    "How many people were counted in an area on a day.",
    (
        ShapeColumn("area_code", "VARCHAR", required=True),
        ShapeColumn("counted_date", "DATE", required=True),
        ShapeColumn("people", "BIGINT", required=True),
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

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {shape.name: shape for shape in (_EVENT, _READING, _SENSOR, _SUBJECT, _HEADCOUNT, _AREA, _AREA_CHANGE)}
)
