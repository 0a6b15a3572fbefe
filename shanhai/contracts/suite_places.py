"""Where a coordinate can lie, written for the suite alone: the gate's second opinion on `shanhai.quality`."""

from __future__ import annotations

from typing import Any

from shanhai.contracts.coordinates import Axis

_GLOBE: dict[Axis, tuple[float, float]] = {"longitude": (-180.0, 180.0), "latitude": (-90.0, 90.0)}
_CHINA: dict[Axis, tuple[float, float]] = {"longitude": (72.004, 137.8347), "latitude": (0.8293, 55.8271)}
_EXTENTS = {"WGS84": _GLOBE, "CGCS2000": _GLOBE, "GCJ02": _CHINA, "BD09": _CHINA}


def place_bounds(axis: Axis, crs: str) -> dict[str, Any]:
    """`min_value` and `max_value` in degrees of an axis of a system."""
    low, high = _EXTENTS[crs][axis]
    return {"min_value": low, "max_value": high}
