"""Where a coordinate can lie: the least and greatest degree of each axis of each system."""

from __future__ import annotations

from shanhai.contracts.coordinates import Axis

_OBFUSCATED = ("GCJ02", "BD09")


def bounds(axis: Axis, crs: str) -> tuple[float, float]:
    """The degrees that an axis of a system has, both ends included.

    GCJ-02 and BD-09 shift places within a box around mainland China only (longitude 72.004 to 137.8347,
    latitude 0.8293 to 55.8271, the box that every published conversion tests), so that a coordinate outside
    of it is in another system, or has its axes swapped.
    """
    if axis == "longitude":
        return (72.004, 137.8347) if crs in _OBFUSCATED else (-180.0, 180.0)
    return (0.8293, 55.8271) if crs in _OBFUSCATED else (-90.0, 90.0)
