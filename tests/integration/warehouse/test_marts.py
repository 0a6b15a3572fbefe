"""One build of what is unusual: nights of clock changes, boundaries, a register of sensors, hidden counts."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shanhai.warehouse.last_build import BuildResult
from shanhai.warehouse.project import assemble
from shanhai.warehouse.runner import invoke

pytestmark = pytest.mark.timeout(1800)

DUBLIN, SHANGHAI = ZoneInfo("Europe/Dublin"), ZoneInfo("Asia/Shanghai")
HOUR = timedelta(hours=1)
SMALLEST = 10
WHOLES = 400

NOISE = {"sensor": "string", "observed": "timestamp"}
NOISE_FEED = {
    "shape": "reading",
    "columns": {
        "sensor_id": {"column": "sensor"},
        "quantity": {"value": "noise_laeq"},
        "value": {"column": "level"},
        "observed_at": {"column": "observed"},
        "interval_seconds": {"value": "3600"},
        "longitude": {"column": "lon"},
        "latitude": {"column": "lat"},
    },
}
REGISTER = {"sensor": "string", "since": "date", "class": "string"}
REGISTER_FEED = {
    "shape": "sensor",
    "columns": {
        "sensor_id": {"column": "sensor"},
        "readings_of": {"value": "noise"},
        "valid_from": {"column": "since"},
        "zone_class": {"column": "class", "codes": {"二类": "2", "一类": "1"}},
    },
}
METER_FEED = {
    "shape": "reading",
    "columns": {
        "sensor_id": {"column": "sensor"},
        "quantity": {"value": "water_volume"},
        "value": {"column": "litres"},
        "observed_at": {"column": "observed"},
        "interval_seconds": {"value": "21600"},
    },
}
PEOPLE_FEED = {
    "shape": "headcount",
    "columns": {
        "area_code": {"column": "area"},
        "counted_date": {"column": "day"},
        "people": {"column": "people"},
    },
}


@dataclass(frozen=True)
class Built:
    """The build, and how many people were counted in each area."""

    home: Any
    result: BuildResult
    people: dict[str, int]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.home.query(self.result, sql)  # type: ignore[no-any-return]


def hours(sensor: str, start: datetime, number: int, level: float = 50.0) -> list[dict[str, Any]]:
    """Readings of each hour that passes from a wall clock's time on."""
    first = start.astimezone(UTC)
    return [
        {"sensor": sensor, "observed": first + n * HOUR, "level": level, "lon": None, "lat": None}
        for n in range(number)
    ]


def counted() -> dict[str, int]:
    """Villages of many towns: most of a few people, so that every way of hiding is met."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    return {
        f"330105{town:03d}{village:03d}": rng.choice((0, 1, 9, 10, 11, 18, 19, rng.randrange(500)))
        for town in range(1, WHOLES + 1)
        for village in range(1, rng.randrange(2, 7))
    }


@pytest.fixture(scope="module")
def built(new_home) -> Built:
    home = new_home()
    places = {"lon": "GCJ02", "lat": "GCJ02"}
    noise = {"feeds": NOISE_FEED, "units": {"level": "dB"}, "coordinates": places}
    home.declare("dublin.noise", NOISE, time_zone="Europe/Dublin", **noise)
    home.declare("gongshu.noise", NOISE, **noise)
    home.declare("gongshu.monitors", REGISTER, feeds=REGISTER_FEED, codes={"class": ["一类", "二类"]})
    home.declare(
        "longyou.meters",
        {"sensor": "string", "observed": "timestamp"},
        feeds=METER_FEED,
        units={"litres": "L"},
    )
    home.declare("zhaohua.people", {"area": "string", "day": "date", "people": "integer"}, feeds=PEOPLE_FEED)
    home.declare("empty.unfed", {"name": "string"})
    spring, autumn = datetime(2021, 3, 27, tzinfo=DUBLIN), datetime(2021, 10, 30, tzinfo=DUBLIN)
    home.load("dublin.noise", [*hours("A", spring, 47), *hours("B", autumn, 49)])
    night = datetime(2024, 2, 29, 22, tzinfo=SHANGHAI)
    home.load(
        "gongshu.noise",
        [
            # The night of the leap day, the day after it from 06:00 sharp, and the next night.
            *hours("A", night, 8, level=50.0),
            *hours("A", night + 8 * HOUR, 16, level=60.0),
            *hours("A", night + 24 * HOUR, 8, level=50.1),
            # A monitor that is in no register.
            *hours("Z", night, 8),
        ],
    )
    home.load(
        "gongshu.monitors",
        [
            {"sensor": "A", "since": date(2020, 1, 1), "class": "二类"},
            {"sensor": "A", "since": date(2024, 3, 1), "class": "一类"},
        ],
    )
    start = datetime(2024, 2, 28, tzinfo=UTC)
    still = [{"sensor": "M", "observed": start + n * 6 * HOUR, "litres": 12_345.0} for n in range(9)]
    home.load("longyou.meters", [*still, {**still[-1], "sensor": "N", "litres": None}])
    people = counted()
    home.load(
        "zhaohua.people",
        [{"area": area, "day": date(2024, 3, 1), "people": n} for area, n in people.items()],
    )
    return Built(home, home.build(), people)


def test_a_night_is_as_long_as_its_clock_makes_it(built):
    found = built.rows(
        "SELECT sensor_id, period_date::VARCHAR, expected, came FROM {marts}.mart_noise_exceedance "
        "WHERE district = 'dublin' AND period = 'night' AND came = expected ORDER BY 1, 2"
    )
    assert found == [("A", "2021-03-27", 7, 7), ("B", "2021-10-30", 9, 9)]
    days = built.rows(
        "SELECT sensor_id, expected, came FROM {marts}.mart_sensor_completeness WHERE district = 'dublin' "
        "AND period_start IN ('2021-03-28', '2021-10-31') AND came > 0 ORDER BY 1"
    )
    assert days == [("A", 23, 23), ("B", 25, 25)]


def test_a_reading_at_six_is_the_days_and_one_at_ten_the_nights(built):
    found = built.rows(
        "SELECT period_date::VARCHAR, period, came, laeq_db, zone_class, limit_db, verdict "
        "FROM {marts}.mart_noise_exceedance WHERE district = 'gongshu' AND sensor_id = 'A' ORDER BY 1, 2"
    )
    # The class changes at midnight of 1 March: the night that began before is judged by the one before.
    assert found == [
        ("2024-02-29", "night", 8, 50.0, "2", 50.0, "within"),
        ("2024-03-01", "day", 16, 60.0, "1", 55.0, "exceeded"),
        ("2024-03-01", "night", 8, 50.1, "1", 45.0, "exceeded"),
    ]


def test_readings_without_a_limit_are_counted(built):
    found = built.rows(
        "SELECT dataset, sum(came) FROM {marts}.mart_noise_exceedance "
        "WHERE verdict = 'no_limit' AND district = 'gongshu' GROUP BY dataset"
    )
    assert found == [("noise", 8)]


def test_sensors_of_one_name_in_two_districts_are_two(built):
    found = built.rows(
        "SELECT district, count(*), count(DISTINCT reading_key), count(zone_class) "
        "FROM {marts}.fct_sensor_reading WHERE sensor_id = 'A' GROUP BY 1 ORDER BY 1"
    )
    assert found == [("dublin", 47, 47, 0), ("gongshu", 32, 32, 32)]


def test_unit_system_and_quality_are_told(built):
    """Litres are cubic metres; no value is missing, whatever else is said; no place has no system."""
    found = built.rows(
        "SELECT DISTINCT value, unit, quality, crs FROM {marts}.fct_sensor_reading ORDER BY ALL"
    )
    noise = [(50.0, "dB", "good", None), (50.1, "dB", "good", None), (60.0, "dB", "good", None)]
    assert found == [(12.345, "m3", "good", None), *noise, (None, "m3", "missing", None)]


def test_a_meter_that_stands_still_over_the_leap_day_is_flat_after_48_hours(built):
    found = built.rows(
        "SELECT sensor_id, kind, raised_at, is_open, hours FROM {marts}.mart_meter_alert ORDER BY ALL"
    )
    assert found == [("M", "flat", datetime(2024, 3, 1, tzinfo=UTC), True, 48.0)]


def test_no_total_tells_a_hidden_count(built):
    """By plain counting: within the mart no sum of a hidden part is told, nor is one hidden alone."""
    told = dict(built.rows("SELECT area_code, people FROM {marts}.mart_headcount WHERE cell = 'part'"))
    wholes = dict(built.rows("SELECT area_code, people FROM {marts}.mart_headcount WHERE cell = 'whole'"))
    parts = defaultdict(list)
    for area in built.people:
        parts[area[:9]].append(area)
    assert told.keys() == built.people.keys()
    assert wholes.keys() == parts.keys()
    for whole, areas in parts.items():
        hidden = {area for area in areas if told[area] is None}
        small = {area for area in areas if 0 < built.people[area] < SMALLEST}
        others = [area for area in areas if built.people[area] >= SMALLEST]
        # Which part is hidden beside follows from codes alone, so that no version shows what another hid.
        assert hidden == (small | set(others[:1]) if small else set())
        assert all(told[area] == built.people[area] for area in set(areas) - hidden)
        assert wholes[whole] == (None if hidden else sum(built.people[area] for area in areas))


def test_a_district_that_feeds_nothing_is_counted_in_the_pool_alone(built):
    found = built.rows("SELECT records, difference FROM {marts}.mart_pool_size WHERE district = 'empty'")
    assert found == [(0, 0)]


def test_the_unit_tests_of_the_marts_hold(built):
    project = assemble(built.home.settings, built.home.federation)
    results = invoke(project, ["test", "--select", "test_type:unit"])
    told = {found.name: found.status for found in results}
    assert set(told.values()) == {"pass"}, told
    assert set(told) == {
        "a_leap_year_has_a_day_more_to_be_green",
        "a_register_says_what_readings_do_not",
        "a_retired_code_maps_onto_its_only_heir",
        "a_sensor_that_fell_silent_goes_on_counting",
        "ages_are_counted_to_the_newest_update_of_each_dataset",
        "an_event_finds_its_area_by_code_or_by_grid",
        "editions_follow_each_other_and_kinds_are_told_apart",
        "energies_are_averaged_and_compared_with_the_limit_of_the_time",
        "entries_of_a_register_follow_each_other",
        "flat_silent_and_backwards_are_told_apart_to_the_minute",
        "lake_and_ledger_stand_side_by_side",
        "of_a_reading_that_comes_twice_the_best_stays",
        "of_an_id_that_comes_twice_the_newest_row_stays",
        "one_definition_serves_the_clocks",
        "readings_of_a_dataset_that_is_not_shared_stay",
        "six_calendar_months_end_on_the_last_day_there_is",
        "small_cells_are_hidden_and_cannot_be_reckoned",
        "the_day_after_the_end_of_february_is_too_late",
    }
