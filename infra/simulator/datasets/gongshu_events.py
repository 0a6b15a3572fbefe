"""Gongshu's events: the full canonical record as JSON, with repeats, conflicts and late corrections."""

from __future__ import annotations

import datetime as dt

from infra.simulator.deliveries import WINDOWS, Column, Dataset, Delivery, Row, Values
from infra.simulator.happenings import SHANGHAI, Happening, happenings, impossible_orders
from infra.simulator.places import GONGSHU
from infra.simulator.planting import Field

NAME = "gongshu.events"
PER_DAY = 7000

COLUMNS = (
    Column("event_id", "eventId"),
    Column("area_code", "place.community"),
    Column("grid_code", "place.grid"),
    Column("category", "category"),
    Column("track", "track"),
    Column("channel", "channel"),
    Column("status", "status"),
    Column("reported_at", "stamps.reported"),
    Column("signed_at", "stamps.signed"),
    Column("dispatched_at", "stamps.dispatched"),
    Column("arrived_at", "stamps.arrived"),
    Column("solved_at", "stamps.solved"),
    Column("verified_at", "stamps.verified"),
    Column("longitude", "place.lng"),
    Column("latitude", "place.lat"),
    Column("updated_at", "updatedAt"),
)

_CORRECTED = 40
_RESENT = 12
_STALE = 5


def dataset() -> Dataset:
    """Three days; the second repeats rows of the first, the third corrects rows of the first."""
    first_day, second_day, third_day = (
        happenings(NAME, GONGSHU, window, PER_DAY - 130 * day) for day, window in enumerate(WINDOWS)
    )
    first = _field(WINDOWS[0], first_day)
    corrected, resent, stale = first.reserve(_CORRECTED), first.reserve(_RESENT), first.reserve(_STALE)
    second = _field(WINDOWS[1], second_day)
    second.add([Row(values, "duplicate", "repeated in a later delivery") for values in resent])
    second.add([Row(_older(second, values), "superseded", "stale version") for values in stale])
    third = _field(WINDOWS[2], third_day)
    third.add(
        [
            Row(_correction(third, values), fault="late correction", supersedes=WINDOWS[0])
            for values in corrected
        ]
    )
    days = ((first, first_day), (second, second_day), (third, third_day))
    return Dataset(
        NAME,
        COLUMNS,
        tuple(
            Delivery(NAME, window, window, field.rows(), notes={"impossible_order": impossible_orders(day)})
            for window, (field, day) in zip(WINDOWS, days, strict=True)
        ),
    )


def _field(window: str, day: list[Happening]) -> Field:
    field = Field(NAME, window, COLUMNS, [_values(window, event) for event in day])
    field.spoil(9, "missing required", "category", "required", None)
    field.spoil(11, "unknown code", "track", "codes", "traffic")
    field.spoil(8, "unknown code", "channel", "codes", "fax")
    field.spoil(10, "unknown area code", "area_code", "area_code", "330105999999")
    field.spoil(7, "bad type", "longitude", "type", "east")
    field.spoil_both(6, "out of range", {"latitude": 91.5}, ("latitude.range", "latitude.latitude"))
    field.spoil(6, "wrong pattern", "event_id", "pattern", lambda text: f"?{str(text)[1:]}")
    field.spoil(5, "impossible date", "reported_at", "type", "2024-02-30T08:00:00+08:00")
    field.spoil_both(
        3, "two faults", {"status": "lost", "grid_code": "12"}, ("status.codes", "grid_code.pattern")
    )
    field.repeat(25)
    field.outdate(18, {"status": "open", "solved_at": None, "verified_at": None, "updated_at": _hour_before})
    return field


def _values(window: str, event: Happening) -> Values:
    stamps = (
        event.reported,
        event.signed,
        event.dispatched,
        event.arrived,
        event.solved,
        event.verified,
    )
    return (
        f"GS{window.replace('-', '')}{event.number:06d}",
        event.area,
        event.grid,
        event.category,
        event.track,
        event.channel,
        event.status,
        *(stamp.isoformat() if stamp else None for stamp in stamps),
        event.longitude,
        event.latitude,
        event.updated.isoformat(),
    )


def _hour_before(cell: object) -> str:
    return (dt.datetime.fromisoformat(str(cell)) - dt.timedelta(hours=1)).isoformat()


def _older(field: Field, values: Values) -> Values:
    return field.changed(values, {"status": "open", "updated_at": _hour_before})


def _correction(field: Field, values: Values) -> Values:
    at = dt.datetime(2024, 3, 3, 9, 0, tzinfo=SHANGHAI).isoformat()
    return field.changed(values, {"status": "closed", "verified_at": at, "updated_at": at})
