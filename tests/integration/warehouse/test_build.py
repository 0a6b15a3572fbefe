"""Build: real dbt on real Delta tables, pinned."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shanhai.errors import BusyError, ConfigurationError, StoreError
from shanhai.settings import read_settings
from shanhai.warehouse.build import build, one_at_a_time
from shanhai.warehouse.project import assemble
from shanhai.warehouse.runner import BuildFailedError
from tests.integration.warehouse.conftest import event

pytestmark = pytest.mark.timeout(1800)

MARTS = (
    "dim_area",
    "fct_event",
    "fct_sensor_reading",
    "mart_event_clock",
    "mart_freshness",
    "mart_headcount",
    "mart_meter_alert",
    "mart_noise_exceedance",
    "mart_pool_size",
    "mart_sensor_completeness",
)


def test_a_federation_without_contracts_builds_empty_marts(home):
    result = home.build()
    assert result.marts == MARTS
    assert home.query(result, "SELECT count(*) FROM {marts}.dim_area") == [(0,)]
    assert not [found for found in result.results if found.kind == "unit_test"]


def test_a_dataset_not_loaded_yet_is_an_empty_table(city):
    result = city.build()
    assert result.pins == {}
    assert city.query(
        result, "SELECT dataset, records, difference FROM {marts}.mart_pool_size ORDER BY 1"
    ) == [
        ("events", 0, 0),
        ("register", 0, 0),
    ]


def test_events_reach_the_mart_in_canonical_form(city):
    late = datetime(2024, 3, 1, 12, tzinfo=UTC)
    city.load("gongshu.events", [event(1, platform="探头", at=late), event(2)])
    result = city.build()
    found = city.query(
        result,
        "SELECT event_id, channel, track, reported_at::VARCHAR, solved_at::VARCHAR FROM {marts}.fct_event "
        "ORDER BY 1",
    )
    assert found == [
        ("E1", "sensor", "safety", "2024-02-29 16:00:00+00", "2024-03-01 12:00:00+00"),
        ("E2", "public", "safety", "2024-02-29 16:00:00+00", None),
    ]


def test_a_later_load_changes_nothing_for_pinned_versions(city):
    city.load("gongshu.events", [event(1)])
    pins = city.build().pins
    city.load("gongshu.events", [event(2)], delivery="two")
    earlier = city.build(pins=pins)
    assert city.query(earlier, "SELECT event_id FROM {marts}.fct_event") == [("E1",)]
    now = city.build()
    assert city.query(now, "SELECT records FROM {marts}.mart_pool_size WHERE dataset = 'events'") == [(2,)]


def test_the_ledger_is_read_at_the_same_moment_as_the_tables(city):
    """A load that commits while the ledger is brought up to date is left out of both."""
    city.load("gongshu.events", [event(1)])
    result = city.build(reconcile=lambda: city.load("gongshu.events", [event(2)], delivery="two"))
    found = city.query(result, "SELECT records, ledger_loaded FROM {marts}.mart_pool_size WHERE records > 0")
    assert found == [(1, 1)]


def test_lake_and_ledger_that_differ_by_a_row_fail_the_build(city):
    city.load("gongshu.events", [event(1), event(2)], told=1)
    with pytest.raises(BuildFailedError) as caught:
        city.build()
    assert "pool_reconciles_with_the_ledger_by_dataset" in str(caught.value)
    assert "pool_reconciles_with_the_ledger_by_delivery" in str(caught.value)


def test_differences_that_cancel_out_are_found_by_delivery(city):
    city.load("gongshu.events", [event(1), event(2)], told=1)
    city.load("gongshu.events", [event(3)], delivery="two", told=2)
    with pytest.raises(BuildFailedError, match="pool_reconciles_with_the_ledger_by_delivery") as caught:
        city.build()
    assert "by_dataset" not in str(caught.value)


def test_an_event_that_appears_twice_is_told_and_counts_once(city):
    """A dataset that keeps every row may repeat an id: that is worth a warning, and no reason to stop."""
    early, late = datetime(2024, 3, 1, 8, tzinfo=UTC), datetime(2024, 3, 1, 9, tzinfo=UTC)
    city.load("gongshu.events", [event(1, at=late), event(1, at=early), event(2)])
    result = city.build()
    found = city.query(result, "SELECT event_id, solved_at, copies FROM {marts}.fct_event ORDER BY 1")
    assert found == [("E1", late, 2), ("E2", None, 1)]
    assert [warning.name for warning in result.warnings] == ["events_repeat_no_id"]


def test_an_event_without_channel_fails_the_build_without_telling_values(city):
    city.load("gongshu.events", [event(1, platform="secret-person")])
    with pytest.raises(BuildFailedError, match="not_null_fct_event_channel") as caught:
        city.build()
    assert "secret-person" not in str(caught.value)


def test_editions_make_the_history_of_areas(city):
    old = [
        {"code": "33", "name": "浙江省", "level": "province"},
        {"code": "3301", "name": "杭州市", "level": "city", "parent": "33"},
        {"code": "330103", "name": "下城区", "level": "district", "parent": "3301"},
    ]
    new = [*old[:2], {"code": "330105", "name": "拱墅区", "level": "district", "parent": "3301"}]
    city.load("gongshu.register", old, partition="2020-06-30", delivery="a")
    city.load("gongshu.register", new, partition="2022-10-31", delivery="b")
    city.load("gongshu.events", [event(1, area="330103000000")])
    result = city.build()
    assert city.query(
        result,
        "SELECT area_code, valid_from, valid_to, is_current FROM {marts}.dim_area "
        "WHERE area_level = 'district' ORDER BY 1",
    ) == [
        ("330103", date(2020, 6, 30), date(2022, 10, 31), False),
        ("330105", date(2022, 10, 31), None, True),
    ]
    assert city.query(result, "SELECT area_name, current_district_code FROM {marts}.fct_event") == [
        ("下城区", None)
    ]


def test_areas_without_their_parents_fail_the_build(city):
    rows = [
        {"code": "33", "name": "浙江省", "level": "province"},
        {"code": "3301", "name": "杭州市", "level": "city", "parent": "33"},
        {"code": "5101", "name": "成都市", "level": "city", "parent": "51"},
    ]
    city.load("gongshu.register", rows, partition="2020-06-30")
    with pytest.raises(BuildFailedError, match="area_parents_exist"):
        city.build()


def test_a_column_that_a_contract_adds_is_missing_in_rows_loaded_before(home):
    home.declare("longyou.meters", {"meter": "string"}, level="community")
    home.load("longyou.meters", [{"meter": "A"}])
    home.declare("longyou.meters", {"meter": "string", "reading": "number"}, level="community")
    result = home.build()
    assert home.query(result, "SELECT * FROM {marts}.stg_longyou__meters") == [
        ("A", None, "longyou.meters/all/one", "all")
    ]


def test_another_build_under_way_is_told(home):
    with one_at_a_time(home.settings), pytest.raises(BusyError, match="another build"):
        home.build()


def test_a_home_that_cannot_be_written_is_told(home, tmp_path):
    (tmp_path / "scratch").write_text("not a folder", encoding="utf-8")
    settings = read_settings(home=tmp_path, federation=home.root, dbt_project=home.settings.dbt_project)
    with pytest.raises(StoreError, match="cannot be written"):
        build(settings, home.federation)


def test_models_that_were_not_generated_are_told(home):
    (home.root / "dbt").rename(home.root / "elsewhere")
    with pytest.raises(ConfigurationError, match="shanhai generate"):
        home.build()


def test_a_dbt_project_that_is_not_there_is_told(home, tmp_path):
    settings = read_settings(home=tmp_path / "h", federation=home.root, dbt_project=tmp_path / "none")
    with pytest.raises(ConfigurationError, match="no dbt project"):
        assemble(settings, home.federation)
