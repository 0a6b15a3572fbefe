"""The marts over the simulated districts say what the simulator reckons without SQL."""

import statistics
from typing import Any

import pytest
from simulated import simulated_node

from infra.simulator import outcomes
from infra.simulator.datasets import gongshu_noise, longyou_water, zhaohua_villages
from infra.simulator.places import ZHAOHUA, below
from shanhai.ids import DatasetId
from shanhai.ingest.node import Node
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.walk import walk
from shanhai.warehouse.build import build
from shanhai.warehouse.last_build import BuildResult
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.session import duckdb_session

DATASETS = (
    "gongshu.events",
    "gongshu.noise",
    "longyou.events",
    "longyou.water_meters",
    "zhaohua.buildings",
    "zhaohua.events",
    "zhaohua.villages",
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Node, BuildResult]:
    with simulated_node(tmp_path_factory.mktemp("home")) as node:
        for name in DATASETS:
            walk(node, DatasetId.parse(name))
    return node, build(node.settings, node.federation, reconcile=lambda: reconcile(node))


def rows(built: tuple[Node, BuildResult], sql: str) -> list[tuple[Any, ...]]:
    node, result = built
    with duckdb_session(node.settings, result.database, read_only=True) as con:
        con.execute(f'USE "{SCHEMA}"')
        return con.execute(sql).fetchall()


def test_levels_of_noise_are_those_of_the_generated_minutes(built):
    truth = outcomes.noise()
    found = rows(
        built,
        "SELECT sensor_id, period_date::VARCHAR, period, came, expected, laeq_db FROM mart_noise_exceedance",
    )
    assert {row[:3]: row[3:5] for row in found} == {
        key: (level.came, level.expected) for key, level in truth.items()
    }
    assert {row[:3]: row[5] for row in found} == {
        key: pytest.approx(level.laeq_db, abs=0.051) for key, level in truth.items()
    }


def test_what_was_planted_too_loud_is_exceeded_and_a_night_cut_short_has_no_verdict(built):
    exceeded = rows(
        built,
        "SELECT sensor_id, period_date::VARCHAR, period FROM mart_noise_exceedance "
        "WHERE verdict = 'exceeded' AND (zone_class <> '1' OR period = 'day')",
    )
    loud = {(f"ZJ-{number + 1:02d}", day, "night") for number, day in gongshu_noise.LOUD_NIGHTS.items()}
    noisy = {("ZJ-02", day, "day") for day in ("2024-03-01", "2024-03-02", "2024-03-03")}
    assert set(exceeded) == loud | noisy
    cut = rows(
        built,
        "SELECT DISTINCT verdict FROM mart_noise_exceedance WHERE period_date = '2024-03-03' "
        "AND period = 'night'",
    )
    assert cut == [("incomplete",)]
    first = rows(
        built,
        "SELECT came >= 360, verdict <> 'incomplete' FROM mart_noise_exceedance "
        "WHERE period_date = '2024-02-29'",
    )
    assert {a == b for a, b in first} == {True}
    assert {a for a, _ in first} == {True, False}


def test_readings_are_complete_but_for_what_was_quarantined(built):
    found = rows(
        built, "SELECT sum(expected), sum(came) FROM mart_sensor_completeness WHERE quantity = 'noise_laeq'"
    )
    came = sum(level.came for level in outcomes.noise().values())
    assert found == [(14 * 3 * 1440, came)]
    silent = f"LY{20230000 + longyou_water.SILENT:08d}"
    third = rows(
        built,
        f"SELECT came, expected, share FROM mart_sensor_completeness "
        f"WHERE sensor_id = '{silent}' AND period_start = '2024-03-03'",
    )
    assert third == [(0, 144, 0.0)]


def test_a_doubtful_reading_is_flagged_and_counts(built):
    monitor, day = gongshu_noise.DOUBTFUL
    found = rows(
        built,
        "SELECT DISTINCT sensor_id, timezone('Asia/Shanghai', observed_at)::DATE::VARCHAR "
        "FROM fct_sensor_reading WHERE quality = 'suspect'",
    )
    assert found == [(f"ZJ-{monitor + 1:02d}", day)]


def test_alerts_are_those_that_were_planted_and_tell_no_reading(built):
    found = rows(built, "SELECT sensor_id, kind, raised_at, is_open FROM mart_meter_alert")
    assert set(found) == outcomes.alerts()
    planted = {(meter, "flat") for meter in (*longyou_water.STILL, 120)}
    planted |= {(longyou_water.SILENT, "silent"), (longyou_water.BACKWARDS, "backwards")}
    assert {row[:2] for row in found} == {(f"LY{20230000 + meter:08d}", kind) for meter, kind in planted}
    late = rows(
        built,
        "SELECT max(epoch(raised_at) - epoch(since) - 48 * 3600) FROM mart_meter_alert WHERE kind = 'flat'",
    )
    assert late[0][0] < 600
    assert rows(built, "SELECT count(*) FROM fct_sensor_reading WHERE dataset = 'water_meters'") == [(0,)]


@pytest.mark.parametrize("dataset", ["gongshu.events", "longyou.events", "zhaohua.events"])
def test_clocks_are_those_of_the_generated_stamps(built, dataset):
    district, _, name = dataset.partition(".")
    found = rows(
        built,
        "SELECT stamp, limit_minutes, n, missing, impossible, measured, met, share_met, median_minutes, "
        f"p90_minutes FROM mart_event_clock WHERE period = 'year' AND district = '{district}' "
        f"AND dataset = '{name}'",
    )
    assert len(found) >= 4
    for stamp, limit, *told in found:
        truth = outcomes.step(dataset, stamp)
        met = truth.met(limit)
        assert told[:5] == [truth.n, truth.missing, truth.impossible, len(truth.minutes), met], (stamp, limit)
        # The mart's percentiles are those of PERCENTILE.INC; n = 10 cuts at each tenth.
        tenths = statistics.quantiles(truth.minutes, n=10, method="inclusive")
        assert told[5:] == pytest.approx(
            [met / len(truth.minutes), statistics.median(truth.minutes), tenths[8]], rel=1e-12
        ), (stamp, limit)


def test_colours_are_those_of_the_generated_dates(built):
    for name, key, updated in (
        ("buildings", "building_code", "inspected_date"),
        ("villages", "area_code", "surveyed_date"),
    ):
        truth = outcomes.colours(f"zhaohua.{name}", key, updated)
        found = rows(
            built, f"SELECT sum(green), sum(yellow), sum(red) FROM mart_freshness WHERE dataset = '{name}'"
        )
        assert found == [(truth["green"], truth["yellow"], truth["red"])]


def test_every_village_appears_with_its_freshness(built):
    found = rows(built, "SELECT area_code, green + yellow + red FROM mart_freshness WHERE kind = 'village'")
    villages = below(ZHAOHUA, "community")
    assert dict(found) == {area.code: 1 for area in villages}
    assert len(villages) == 152


def test_nearly_empty_villages_are_hidden_and_so_is_what_would_tell_them(built):
    villages = below(ZHAOHUA, "community")
    few = {villages[place].code: people for place, people in zhaohua_villages.NEARLY_EMPTY.items()}
    told = dict(rows(built, "SELECT area_code, people FROM mart_headcount WHERE cell = 'part'"))
    assert {code: told[code] for code in few} == {
        code: 0 if people == 0 else None for code, people in few.items()
    }
    hidden = rows(
        built,
        "SELECT whole_code, count(*) FROM mart_headcount WHERE cell = 'part' AND is_suppressed GROUP BY 1",
    )
    assert {code for code, _ in hidden} == {code[:9] for code, people in few.items() if people}
    assert all(number >= 2 for _, number in hidden)
    wholes = rows(built, "SELECT area_code, people FROM mart_headcount WHERE cell = 'whole'")
    assert {code for code, people in wholes if people is None} == {code for code, _ in hidden}


def test_events_have_one_coordinate_system_and_lie_in_the_district(built):
    found = rows(built, "SELECT DISTINCT crs FROM fct_event WHERE longitude IS NOT NULL")
    assert found == [("WGS84",)]
    assert rows(built, "SELECT count(*) FROM fct_event WHERE (longitude IS NULL) <> (crs IS NULL)") == [(0,)]
