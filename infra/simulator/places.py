"""The real area codes that the generated rows use, read from the register extract."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

REGISTER = Path(__file__).resolve().parents[2] / "districts" / "statistics" / "register"
EDITION = "2023-06-30"

GONGSHU = "330105"
LONGYOU = "330825"
ZHAOHUA = "510811"

_CENTRES = {GONGSHU: (120.1419, 30.3187), LONGYOU: (119.1722, 29.0282), ZHAOHUA: (105.9640, 32.3229)}


@dataclass(frozen=True)
class Area:
    """One area of the register: its code as published, not padded."""

    code: str
    name: str
    level: str
    parent: str


@functools.cache
def areas(edition: str = EDITION) -> tuple[Area, ...]:
    """All areas of one edition, in the register's order."""
    with (REGISTER / f"areas_{edition}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Area(row["code"], row["name"], row["level"], row["parent_code"]) for row in csv.DictReader(file)
        )


@functools.cache
def below(district: str, level: str) -> tuple[Area, ...]:
    """The areas of one level in a district; pseudo-communities (类似社区) are left out."""
    return tuple(
        area
        for area in areas()
        if area.level == level and area.code.startswith(district) and "类似" not in area.name
    )


@functools.cache
def grid_codes(total: int = 1398) -> tuple[str, ...]:
    """Gongshu's grids: the community's code and three digits, spread evenly over its communities."""
    communities = below(GONGSHU, "community")
    each, rest = divmod(total, len(communities))
    return tuple(
        f"{area.code}{number:03d}"
        for index, area in enumerate(communities)
        for number in range(1, each + (index < rest) + 1)
    )


def centre(district: str) -> tuple[float, float]:
    """Longitude and latitude of the middle of a district, degrees."""
    return _CENTRES[district]
