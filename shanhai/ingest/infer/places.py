"""Which columns are coordinates, and in which system they may be: the data hardly ever tell."""

from __future__ import annotations

from collections.abc import Sequence

from shanhai.contracts.drafting.guess import Guess
from shanhai.contracts.drafting.headings import Reading
from shanhai.contracts.formats import GeoJsonFormat
from shanhai.contracts.sql import quote_identifier
from shanhai.ingest.infer.sample import TABLE, Sample

_CHINA = {"longitude": (72.004, 137.8347), "latitude": (0.8293, 55.8271)}
_WORLD = {"longitude": (-180.0, 180.0), "latitude": (-90.0, 90.0)}
_HINTS = {"gcj": "GCJ02", "gaode": "GCJ02", "amap": "GCJ02", "bd": "BD09", "bd09": "BD09", "baidu": "BD09"}
_HINTS |= {
    "wgs": "WGS84",
    "wgs84": "WGS84",
    "gps": "WGS84",
    "cgcs": "CGCS2000",
    "cgcs2000": "CGCS2000",
    "gcj02": "GCJ02",
}
_POINT = {"geometry.coordinates.0": "longitude", "geometry.coordinates.1": "latitude"}
_FEW = 0.02
_HALF = 0.5


def place_columns(
    sample: Sample, guesses: Sequence[Guess], readings: Sequence[Reading]
) -> tuple[list[Guess], bool]:
    """The guesses with the systems of coordinates, and whether the places lie outside of China."""
    axes = {
        number: axis
        for number, (guess, reading) in enumerate(zip(guesses, readings, strict=True))
        if (axis := _POINT.get(guess.column.source, reading.axis))
        and guess.column.type in ("number", "integer")
    }
    within = {number: _within(sample, number, axis) for number, axis in axes.items()}
    degrees = {number for number, (_, world, filled) in within.items() if world >= (1 - _FEW) * filled}
    abroad = any(within[number][0] < _HALF * within[number][2] for number in degrees)
    placed: list[Guess] = []
    for number, (guess, reading) in enumerate(zip(guesses, readings, strict=True)):
        if number not in axes:
            placed.append(guess)
        elif number not in degrees:
            name = guess.column.name.removesuffix(axes[number]).strip("_") or "place"
            placed.append(
                guess.but("guess: called a coordinate, but no degrees", name=f"{name}_{axes[number]}_value")
            )
        else:
            axis = axes[number]
            name = guess.column.name if guess.column.name.endswith(axis) else _free(axis, placed)
            told = _in_system(sample, guess, reading, abroad)
            placed.append(told.but(type="number", name=name, unit="degree"))
    return placed, abroad


def _in_system(sample: Sample, guess: Guess, reading: Reading, abroad: bool) -> Guess:
    hint = next((_HINTS[word] for word in reading.words if word in _HINTS), None)
    if hint is not None:
        return guess.but(f"guess: the heading names the system {hint}", crs=hint)
    if isinstance(sample.format, GeoJsonFormat) and guess.column.source in _POINT:
        return guess.but(
            "guess: GeoJSON is WGS 84 by RFC 7946; maps of China often are GCJ-02 all the same", crs="WGS84"
        )
    if abroad:
        return guess.but("guess: outside of China, degrees are nearly always WGS 84", crs="WGS84")
    return guess.but(
        "guess: nothing in the data tells the system, and GCJ-02 and BD-09 lie hundreds of metres off: ask",
        crs="CGCS2000",
    )


def _free(axis: str, placed: Sequence[Guess]) -> str:
    taken = {guess.column.name for guess in placed}
    return axis if axis not in taken else f"other_{axis}"


def _within(sample: Sample, number: int, axis: str) -> tuple[int, int, int]:
    value = f"TRY_CAST({quote_identifier(f'c{number}')} AS DOUBLE)"
    tests = [
        f"count(*) FILTER (WHERE {value} BETWEEN {low} AND {high})"
        for low, high in (_CHINA[axis], _WORLD[axis])
    ]
    found = sample.con.execute(f"SELECT {', '.join(tests)}, count({value}) FROM {TABLE}").fetchone()
    return tuple(map(int, found)) if found else (0, 0, 0)  # type: ignore[return-value]
