"""Publish: versions only where content changed, one row that names them, the same after any crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from shanhai.clock import fixed_clock
from shanhai.errors import BusyError, StoreError
from shanhai.warehouse import publish as module
from shanhai.warehouse.build import one_at_a_time
from shanhai.warehouse.publications import mart_path, mart_relation, publications
from shanhai.warehouse.publish import publish
from shanhai.warehouse.runner import BuildFailedError
from tests.integration.warehouse.conftest import event

pytestmark = pytest.mark.timeout(1800)

MOMENT = datetime(2024, 3, 4, 8, tzinfo=UTC)
CLOCK = fixed_clock(MOMENT)
LATER = fixed_clock(MOMENT + timedelta(days=1))

FOLDER = Path(__file__).parents[3] / "dbt" / "models" / "marts"
MARTS = {file.stem for file in FOLDER.glob("*.yml")} - {"_sources"}


def versions(home):
    return {mart: DeltaTable(mart_path(home.settings, mart)).version() for mart in ("dim_area", "fct_event")}


def test_the_first_publication_names_every_mart_and_every_source(city):
    city.load("gongshu.events", [event(1), event(2)])
    made = publish(city.settings, city.build(), CLOCK)
    assert made is not None
    rows = {mart.name: mart.rows for mart in made.marts}
    assert set(rows) == MARTS
    assert {name: count for name, count in rows.items() if count} == {"fct_event": 2, "mart_pool_size": 2}
    assert made.sources == (("_system.ledger", 1), ("gongshu.events", 1))
    assert (made.number, made.published_at) == (1, MOMENT)
    assert publications(city.settings) == [made]


def test_a_published_version_is_read_back_as_it_was_built(city):
    city.load("gongshu.events", [event(1), event(2)])
    made = publish(city.settings, city.build(), CLOCK)
    mart = next(mart for mart in made.marts if mart.name == "fct_event")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        found = con.sql(
            f"SELECT event_id, reported_at::VARCHAR FROM {mart_relation(city.settings, mart)} ORDER BY 1"
        )
        assert found.fetchall() == [("E1", "2024-02-29 16:00:00+00"), ("E2", "2024-02-29 16:00:00+00")]


def test_nothing_new_makes_no_publication(city):
    city.load("gongshu.events", [event(1)])
    first = publish(city.settings, city.build(), CLOCK)
    before = versions(city)
    assert publish(city.settings, city.build(), LATER) is None
    assert versions(city) == before
    assert publications(city.settings) == [first]


def test_only_marts_that_changed_get_a_new_version(city):
    city.load("gongshu.events", [event(1)])
    first = publish(city.settings, city.build(), CLOCK)
    before = versions(city)
    city.load("gongshu.events", [event(2)], delivery="two")
    second = publish(city.settings, city.build(), LATER)
    after = versions(city)
    assert after["dim_area"] == before["dim_area"]
    assert after["fct_event"] == before["fct_event"] + 1
    assert second.number == 2
    assert {mart.name for mart in set(second.marts) - set(first.marts)} == {"fct_event", "mart_pool_size"}
    earlier = next(mart for mart in first.marts if mart.name == "fct_event")
    with duckdb.connect() as con:
        assert con.sql(f"FROM {mart_relation(city.settings, earlier)}").fetchall().__len__() == 1


def test_a_content_that_comes_back_is_published_again(city):
    """Withdrawn and loaded again: each publication is its own, though the marts have been the same before."""
    empty = city.build()
    publish(city.settings, empty, CLOCK)
    pins = empty.pins
    city.load("gongshu.events", [event(1)])
    publish(city.settings, city.build(), CLOCK)
    third = publish(city.settings, city.build(pins=pins), LATER)
    assert third.number == 3
    assert {mart.rows for mart in third.marts if mart.name == "fct_event"} == {0}


@pytest.mark.parametrize("survived", ["first mart", "all marts", "publication"])
def test_repeating_after_a_crash_ends_in_the_same_state(city, monkeypatch, survived):
    city.load("gongshu.events", [event(1)])
    result = city.build()
    marts = len(result.marts)
    crash_after = {"first mart": 1, "all marts": marts, "publication": marts + 1}[survived]
    write, done = module._write, []

    def dying(*arguments, **options):
        if len(done) == crash_after:
            raise StoreError("power cut")
        done.append(write(*arguments, **options))
        return done[-1]

    monkeypatch.setattr(module, "_write", dying)
    if survived == "publication":
        publish(city.settings, result, CLOCK)
    else:
        with pytest.raises(StoreError, match="power cut"):
            publish(city.settings, result, CLOCK)
        assert publications(city.settings) == []
    monkeypatch.setattr(module, "_write", write)
    publish(city.settings, result, CLOCK)
    assert [made.number for made in publications(city.settings)] == [1]
    assert versions(city) == {"dim_area": 1, "fct_event": 1}


def test_a_build_that_failed_publishes_nothing(city):
    city.load("gongshu.events", [event(1, platform="by pigeon")])
    with pytest.raises(BuildFailedError):
        city.build()
    assert publications(city.settings) == []
    assert not (city.settings.home / "marts").exists()


def test_a_build_that_was_replaced_is_not_published(city):
    replaced = city.build()
    city.build()
    with pytest.raises(BusyError, match="replaced"):
        publish(city.settings, replaced, CLOCK)
    assert publications(city.settings) == []


def test_a_build_under_way_is_told(city):
    result = city.build()
    with one_at_a_time(city.settings), pytest.raises(BusyError, match="another build"):
        publish(city.settings, result, CLOCK)
