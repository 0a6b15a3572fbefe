"""The real data through pull, stage, check and load: every count equals that of the plain readers."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shanhai.ids import DatasetId
from shanhai.ingest.ledger import LedgerRow, ledger
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.records import Staging, read_staging
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.walk import check_step, load_step, pull_step, stage_step, walk
from shanhai.settings import read_settings
from shanhai.warehouse.build import build
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    from .conftest import Balance

pytestmark = pytest.mark.real

Marts = Callable[[str], list[tuple[Any, ...]]]

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "cities"
BOSTON = DatasetId("boston", "open311_requests")


@pytest.fixture(scope="module")
def node(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node on the example federation whose districts all lie in the real data folder."""
    home = tmp_path_factory.mktemp("node")
    found = open_node(read_settings(home=home, federation=EXAMPLE, dbt_project=REPOSITORY / "dbt"))
    endpoints = {f"{district}.data": str(real_data) for district in found.federation.districts}
    (home / "endpoints.yml").write_text(yaml.safe_dump(endpoints), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def staged(node: Node) -> dict[tuple[str, str], Staging]:
    """By (dataset, partition), after the stage of everything that was pulled."""
    found = {}
    for dataset in node.federation.datasets:
        pull_step(node, dataset, None)
        stage_step(node, dataset)
        for sidecar in sidecars(node, dataset):
            staging = read_staging(node, sidecar.id)
            assert staging is not None
            found[str(dataset), sidecar.id.partition] = staging
    return found


@pytest.fixture(scope="module")
def loaded(node: Node, staged: dict[tuple[str, str], Staging]) -> list[LedgerRow]:
    """The ledger after the load of everything that was staged."""
    for dataset in node.federation.datasets:
        check_step(node, dataset)
        load_step(node, dataset)
    return ledger(node)


@pytest.fixture(scope="module")
def marts(node: Node, loaded: list[LedgerRow]) -> Marts:
    """Asks the marts of a build on what was loaded."""
    assert loaded
    result = build(node.settings, node.federation, reconcile=lambda: reconcile(node))

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with duckdb_session(node.settings, result.database, read_only=True) as con:
            con.execute(f"USE {SCHEMA}")
            return con.execute(sql).fetchall()

    return ask


def test_rows_in_equal_an_independent_count(
    staged: dict[tuple[str, str], Staging], balances: dict[tuple[str, str], Balance]
) -> None:
    assert {key: staging.rows_in for key, staging in staged.items()} == {
        key: balance.rows_in for key, balance in balances.items()
    }


def test_every_row_goes_where_the_plain_readers_say(
    staged: dict[tuple[str, str], Staging], balances: dict[tuple[str, str], Balance]
) -> None:
    for key, balance in balances.items():
        staging = staged[key]
        assert (staging.good, staging.quarantined, staging.duplicates, staging.superseded) == (
            balance.loaded,
            balance.quarantined,
            balance.duplicates,
            balance.superseded,
        ), key


def test_every_reason_of_quarantine_is_one_of_the_plain_readers(
    staged: dict[tuple[str, str], Staging], reasons: dict[tuple[str, str], Counter[str]]
) -> None:
    assert len(reasons) == 3
    for key, staging in staged.items():
        assert {rule: count for rule, count in staging.counts.items() if count} == dict(
            reasons.get(key, {})
        ), key


def test_nothing_is_unreadable_missing_or_unknown(staged: dict[tuple[str, str], Staging]) -> None:
    for key, staging in staged.items():
        assert (staging.unreadable, staging.missing, staging.unknown, staging.malformed) == (
            None,
            (),
            (),
            {},
        ), key


def test_the_ledger_accepts_every_delivery_and_balances(
    loaded: list[LedgerRow], balances: dict[tuple[str, str], Balance]
) -> None:
    assert {row.verdict for row in loaded} == {"accepted"}
    assert all(row.counts.balanced for row in loaded)
    assert {(str(row.delivery.dataset), row.delivery.partition): row.counts.loaded for row in loaded} == {
        key: balance.loaded for key, balance in balances.items()
    }


def test_boston_is_one_delivery_with_its_overlaps_in_the_ledger(
    loaded: list[LedgerRow], balances: dict[tuple[str, str], Balance]
) -> None:
    (row,) = (row for row in loaded if row.delivery.dataset == BOSTON)
    expected = balances[str(BOSTON), "all"]
    assert row.counts.duplicates == expected.duplicates
    assert row.counts.superseded == expected.superseded
    assert row.counts.quarantined == expected.quarantined


def test_walking_again_loads_nothing(node: Node, loaded: list[LedgerRow]) -> None:
    for dataset in node.federation.datasets:
        again = walk(node, dataset)
        assert again["new"] == []
        assert again["loaded"] == 0
    assert ledger(node) == loaded


@pytest.mark.parametrize(
    ("edition", "county", "streets", "communities", "similar"),
    [
        ("2020-06-30", "330105", 10, 99, 0),
        ("2020-06-30", "330103", 8, 75, 0),
        ("2022-10-31", "330105", 18, 174, 0),
        ("2023-06-30", "330105", 18, 174, 4),
        ("2023-06-30", "510811", 12, 152, 0),
    ],
)
def test_dim_area_counts_the_divisions_of_a_county(
    marts: Marts, edition: str, county: str, streets: int, communities: int, similar: int
) -> None:
    found = marts(
        "SELECT area_level || '/' || area_kind, count(*) FROM dim_area "
        f"WHERE edition = '{edition}' AND district_code = '{county}' GROUP BY ALL"
    )
    expected = {"street/regular": streets, "community/regular": communities, "district/regular": 1}
    assert dict(found) == expected | ({"community/similar_community": similar} if similar else {})


def test_dim_area_maps_xiacheng_of_2020_onto_gongshu(marts: Marts) -> None:
    found = marts(
        "SELECT DISTINCT current_district_code FROM dim_area "
        "WHERE edition = '2020-06-30' AND district_code IN ('330103', '330105')"
    )
    assert found == [("330105",)]


def test_fct_event_has_every_loaded_request_once(marts: Marts, loaded: list[LedgerRow]) -> None:
    cities: Counter[str] = Counter()
    for row in loaded:
        cities[row.delivery.dataset.district] += row.counts.loaded
    for district in ("statistics", "cnemc", "dublin", "alicante"):
        del cities[district]
    assert dict(marts("SELECT district, count(DISTINCT event_key) FROM fct_event GROUP BY ALL")) == cities
    assert marts("SELECT count(*) FROM fct_event WHERE channel IS NULL OR track IS NULL") == [(0,)]


def test_the_pool_reconciles_with_the_ledger_to_the_row(marts: Marts) -> None:
    assert marts("SELECT count(*), sum(abs(difference)) FROM mart_pool_size") == [(14, 0)]


def test_only_what_is_closed_was_solved(
    marts: Marts, boston: list[dict[str, Any]], real_data: Path, read_csv: Any
) -> None:
    found = marts("SELECT district, status, count(*), count(solved_at) FROM fct_event GROUP BY ALL")
    solved = {(district, status): (count, stamps) for district, status, count, stamps in found}
    assert [key for key, (_, stamps) in solved.items() if stamps and key[1] != "closed"] == []
    closed = {record["service_request_id"] for record in boston if record.get("status") == "closed"}
    assert 0 < solved["boston", "closed"][1] == solved["boston", "closed"][0] <= len(closed)
    files = (real_data / "stlouis_csb").glob("*.csv")
    requests = [row for file in files for row in read_csv(file) if not row["CITY"].isdigit()]
    states = {row["REQUESTID"]: row["STATUS"] for row in requests}
    stamped = {row["REQUESTID"] for row in requests if row["DATETIMECLOSED"].strip()}
    ended = {number for number, state in states.items() if state == "CLOSED"}
    assert solved["stlouis", "closed"] == (len(ended), len(ended & stamped))
    assert len(stamped - ended) == 30


def test_a_day_is_no_instant_of_solution(marts: Marts, chicago: list[dict[str, str]]) -> None:
    # One number has several rows: the one of its last completion stays.
    last = {row["Service_Request_Number"]: row for row in sorted(chicago, key=itemgetter("Completion_Date"))}
    found = marts(
        "SELECT status, coalesce(category, ''), count(*), count(solved_at) FROM fct_event "
        "WHERE district = 'chicago' GROUP BY ALL"
    )
    expected = Counter(
        (
            "cancelled"
            if row["Status"].endswith("Dup")
            else {"Completed": "closed", "Open": "open"}[row["Status"]],
            row["What_is_the_Nature_of_this_Code_Violation"].strip(),
        )
        for row in last.values()
    )
    assert {(status, category): (count, stamps) for status, category, count, stamps in found} == {
        key: (count, 0) for key, count in expected.items()
    }
    assert marts("SELECT count(*) FROM mart_event_clock WHERE district = 'chicago'") == [(0,)]


def test_a_call_without_coordinates_has_no_system(marts: Marts, real_data: Path, read_csv: Any) -> None:
    calls = list(read_csv(real_data / "milwaukee_calls" / "data.csv"))
    nowhere = sum(not row["latitude"] for row in calls)
    sql = "SELECT count(*) FROM fct_event WHERE district = 'milwaukee' AND {}"
    assert marts(sql.format("longitude IS NULL")) == marts(sql.format("crs IS NULL")) == [(nowhere,)]


QUANTITIES_DAILY = {"aqi": 2, "pm2_5": 5, "pm10": 6, "so2": 7, "co": 8, "no2": 9, "o3_8h": 10}
"""By quantity, where it stands in a row of the cities' daily air."""


def test_readings_are_as_many_as_the_sources_have_values(
    marts: Marts,
    real_data: Path,
    air_daily: list[list[str]],
    noise: dict[str, list[tuple[str, float]]],
    balances: dict[tuple[str, str], Balance],
) -> None:
    expected = {
        ("air_daily", quantity): sum(float(row[place]) > 0 for row in air_daily)
        for quantity, place in QUANTITIES_DAILY.items()
    }
    stations = [
        one for file in sorted((real_data / "cn_air_snapshot").glob("*.json")) for one in features(file)
    ]
    for quantity in ("aqi", "pm2_5", "pm10", "so2", "no2", "o3", "o3_8h", "co"):
        expected["air_stations", quantity] = sum(one[quantity] != "-;" for one in stations)
    expected["noise", "noise_laeq"] = sum(map(len, noise.values()))
    expected["water_meters", "water_volume"] = balances["alicante.water_meters", "all"].loaded
    found = marts("SELECT dataset, quantity, count(*), count(value) FROM fct_sensor_reading GROUP BY ALL")
    assert {(dataset, quantity): (rows, values) for dataset, quantity, rows, values in found} == {
        key: (count, count) for key, count in expected.items()
    }


def features(file: Path) -> list[dict[str, Any]]:
    return [one["properties"] for one in json.loads(file.read_text("utf-8"))["features"]]


@pytest.mark.parametrize("city", ["北京", "杭州", "乌鲁木齐"])
@pytest.mark.parametrize("quantity", ["pm2_5", "co", "aqi"])
def test_means_of_a_city_and_year_are_those_of_the_files(
    marts: Marts, air_daily: list[list[str]], city: str, quantity: str
) -> None:
    values: defaultdict[int, list[float]] = defaultdict(list)
    for row in air_daily:
        if row[0] == city and float(row[QUANTITIES_DAILY[quantity]]) > 0:
            values[int(row[1][:4])].append(float(row[QUANTITIES_DAILY[quantity]]))
    found = marts(
        "SELECT year(observed_at AT TIME ZONE 'Asia/Shanghai') AS y, avg(value) FROM fct_sensor_reading "
        f"WHERE sensor_id = '{city}' AND quantity = '{quantity}' GROUP BY y"
    )
    assert dict(found) == {
        year: pytest.approx(math.fsum(one) / len(one), rel=1e-12) for year, one in values.items()
    }


def test_monitors_of_dublin_are_as_complete_as_their_hours(
    marts: Marts, noise: dict[str, list[tuple[str, float]]]
) -> None:
    """From each one's first day to the last day of all; what spring takes from a day, autumn gives back."""
    days = (date(2021, 1, 19) - date(2015, 1, 1)).days + 1
    found = marts(
        "SELECT sensor_id, sum(expected), sum(came) FROM mart_sensor_completeness "
        "WHERE dataset = 'noise' GROUP BY ALL"
    )
    assert {monitor: (expected, came) for monitor, expected, came in found} == {
        monitor: (days * 24, len(hours)) for monitor, hours in noise.items()
    }


@pytest.mark.parametrize(
    ("monitor", "day"),
    [("Ballymun4", "2015-06-15"), ("Raheny9", "2018-11-02"), ("BullIsland2", "2020-04-10")],
)
def test_the_level_of_a_day_is_the_mean_of_its_energies(
    marts: Marts, noise: dict[str, list[tuple[str, float]]], monitor: str, day: str
) -> None:
    energies = [
        10 ** (level / 10)
        for stamp, level in noise[monitor]
        if stamp.startswith(day) and 6 <= int(stamp[11:13]) < 22
    ]
    (level,) = marts(
        "SELECT laeq_db FROM mart_noise_exceedance "
        f"WHERE sensor_id = '{monitor}' AND period_date = '{day}' AND period = 'day'"
    )
    assert level == (pytest.approx(10 * math.log10(math.fsum(energies) / len(energies)), abs=0.051),)


def test_meters_that_run_backwards_are_told_as_often_as_they_do(marts: Marts, water: Any) -> None:
    readings: dict[tuple[str, datetime], float] = {}
    for meter, stamp, reading, _ in water:
        key = meter, datetime.strptime(stamp, "%d/%m/%Y %H:%M:%S")
        readings[key] = max(reading, readings.get(key, reading))
    steps = itertools.pairwise(sorted((*key, reading) for key, reading in readings.items()))
    expected = sum(old[0] == new[0] and new[2] < old[2] for old, new in steps)
    found = marts("SELECT count(*) FROM mart_meter_alert WHERE district = 'alicante' AND kind = 'backwards'")
    assert found == [(expected,)]
    assert expected == 203
