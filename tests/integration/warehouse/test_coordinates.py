"""Coordinates are converted once, as an implementation that is not ours converts them."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass
from typing import Any

import prcoords
import pytest

from shanhai.warehouse.last_build import BuildResult
from shanhai.warehouse.project import assemble
from shanhai.warehouse.runner import invoke
from shanhai.warehouse.session import duckdb_session

pytestmark = pytest.mark.timeout(1800)

CITIES = {"Lhasa": (91.1, 29.6), "Hangzhou": (120.14, 30.32), "Harbin": (126.6, 45.8), "Sanya": (109.5, 18.3)}
DUBLIN, SINGAPORE = (-6.26, 53.35), (103.8, 0.5)
METRE = 1.0
POINTS = 400

TWICE = """
with once as (select * from {{ ref('int_event__unioned') }})
{{ located('once', ['event_id', 'longitude', 'latitude', 'crs']) }}
"""


def declare(home: Any, name: str, crs: str) -> None:
    """A dataset of events whose coordinates are in one system, and may be missing."""
    columns = {"event_id": "string", "platform": "string", "at": "timestamp"}
    places = {"longitude": crs, "latitude": crs}
    feed = {
        "shape": "event",
        "columns": {
            "event_id": {"column": "event_id"},
            "channel": {"value": "public"},
            **{axis: {"column": axis} for axis in places},
        },
    }
    home.declare(name, columns, coordinates=places, feeds=feed)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(prcoords.Coords(one[1], one[0]).distance(prcoords.Coords(other[1], other[0])))


@dataclass(frozen=True)
class Places:
    """A build, and where each event of mainland China is in WGS 84."""

    home: Any
    result: BuildResult
    truth: dict[str, tuple[float, float]]

    def found(self, ids: str) -> list[tuple[Any, ...]]:
        """id, longitude, latitude and system of the events whose id is like `ids`."""
        sql = "SELECT event_id, longitude, latitude, crs FROM {marts}.fct_event WHERE event_id LIKE '%s'"
        return self.home.query(self.result, f"{sql % ids} ORDER BY event_id")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def places(new_home) -> Places:
    """Random points of mainland China in each of the systems, points outside, and half points."""
    home = new_home()
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    points = [(rng.uniform(74, 134), rng.uniform(19, 53)) for _ in range(POINTS)]
    points += [(x + rng.uniform(-0.3, 0.3), y + rng.uniform(-0.3, 0.3)) for x, y in CITIES.values()]
    truth: dict[str, tuple[float, float]] = {}
    for system, to in {
        "GCJ02": prcoords.wgs_gcj,
        "BD09": lambda wgs: prcoords.gcj_bd(prcoords.wgs_gcj(wgs)),
        "WGS84": lambda wgs: wgs,
        "CGCS2000": lambda wgs: wgs,
    }.items():
        declare(home, f"gongshu.{system.lower()}", system)
        rows = []
        for number, (longitude, latitude) in enumerate(points):
            there = to((latitude, longitude))
            rows.append(event(f"{system}-{number}", there[1], there[0]))
            truth[f"{system}-{number}"] = (longitude, latitude)
        if system == "GCJ02":
            rows += [event("out-dublin", *DUBLIN), event("out-singapore", *SINGAPORE)]
            rows += [event("half-0", None, None), event("half-1", 120.0, None), event("half-2", None, 30.0)]
        home.load(f"gongshu.{system.lower()}", rows, delivery=system)
    return Places(home, home.build(), truth)


def event(number: str, longitude: float | None, latitude: float | None) -> dict[str, Any]:
    return {"event_id": number, "platform": "x", "at": None, "longitude": longitude, "latitude": latitude}


def test_every_system_comes_within_a_metre_and_value_and_system_change_together(places):
    truth = places.truth
    found = [row for row in places.found("%") if row[0] in truth]
    assert len(found) == len(truth) == 4 * (POINTS + len(CITIES))
    far = {number: metres((x, y), truth[number]) for number, x, y, _ in found}
    assert max(far.values()) < METRE, max(far, key=far.get)
    assert max(away for number, away in far.items() if number.startswith("GCJ02")) < METRE / 100
    assert {(number.partition("-")[0], crs) for number, _, _, crs in found} == {
        ("GCJ02", "WGS84"),
        ("BD09", "WGS84"),
        ("WGS84", "WGS84"),
        ("CGCS2000", "CGCS2000"),
    }
    untouched = [row for row in found if row[0].startswith(("WGS84", "CGCS2000"))]
    assert all((x, y) == truth[number] for number, x, y, _ in untouched)


def test_what_was_converted_is_not_converted_again(places):
    home = places.home
    project = assemble(home.settings, home.federation)
    (project.folder / "models" / "twice.sql").write_text(TWICE, encoding="utf-8")
    (node,) = [one for one in invoke(project, ["run", "--select", "twice"]) if one.name == "twice"]
    assert not node.broken, node.message
    with duckdb_session(home.settings, project.database, read_only=True) as con:
        differing = con.execute(
            'SELECT count(*) FROM "_build".twice JOIN "_build".int_event__unioned AS once USING (event_id) '
            "WHERE (twice.longitude, twice.latitude, twice.crs) "
            "IS DISTINCT FROM (once.longitude, once.latitude, once.crs)"
        ).fetchone()
        total = con.execute('SELECT count(*) FROM "_build".twice').fetchone()
    assert (differing, total) == ((0,), (len(places.found("%")),))


def test_nothing_outside_mainland_china_is_moved(places):
    found = places.found("out-%")
    assert found == [("out-dublin", *DUBLIN, "WGS84"), ("out-singapore", *SINGAPORE, "WGS84")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert prcoords.gcj_wgs((DUBLIN[1], DUBLIN[0])) == (DUBLIN[1], DUBLIN[0])


def test_half_a_coordinate_is_none_and_has_no_system(places):
    """The system of a dataset is a constant, and yet no coordinates have none."""
    assert places.found("half-%") == [(f"half-{number}", None, None, None) for number in range(3)]
