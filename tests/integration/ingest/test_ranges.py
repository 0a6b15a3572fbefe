"""Ranges of windows at the command line: any, in any order, and twice with the same outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from one_city import HEADER, City

from shanhai.cli import main
from shanhai.contracts.partitions import windows_between

OPEN: dict[str, Any] = {
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "{window}.csv"}},
    "delivery": {"per": "file", "partition": {"by": "window"}},
    "schedule": {"cron": "0 2 * * *", "start": "2024-02-20"},
}


@pytest.fixture
def days(city: City) -> City:
    """A city with an open calendar and a file a day; it is 1 March 2024."""
    city.declare(**OPEN)
    for day in range(10):
        at = dt.date(2024, 2, 18) + dt.timedelta(days=day)
        city.put(f"{at}.csv", f"{HEADER}d{day},{day},{at} 00:00:00\nshared,{day},{at} 00:00:00\n")
    return city


def walk(city: City, *arguments: str) -> int:
    places = ("--home", str(city.root / "home"), "--federation", str(city.root))
    return main([*places, "walk", "acity.events", *arguments])


def partitions(city: City) -> list[str]:
    return sorted(row.delivery.partition for row in city.ledger().values())


def test_a_range_may_lie_anywhere_and_come_in_any_order(days: City):
    assert walk(days, "--from", "2024-02-25", "--to", "2024-02-26") == 0
    # Before the start of the calendar, and before what is there.
    assert walk(days, "--from", "2024-02-18", "--to", "2024-02-21") == 0
    assert partitions(days) == [f"2024-02-{day}" for day in (18, 19, 20, 21, 25, 26)]
    assert ("shared", 8) in days.rows()
    before = days.ledger()
    assert walk(days, "--from", "2024-02-18", "--to", "2024-02-26") == 0
    assert {key: row for key, row in days.ledger().items() if key in before} == before
    assert len(days.rows()) == 10


def test_a_window_that_is_missing_stops_no_other(days: City):
    (days.data / "2024-02-24.csv").unlink()
    assert walk(days, "--from", "2024-02-23", "--to", "2024-02-25") != 0
    assert partitions(days) == ["2024-02-23", "2024-02-25"]


def test_an_open_calendar_ends_today(days: City):
    """The command goes by the clock, so the windows lie around the day of the test."""
    today = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()
    for ahead in (-1, 0, 7):
        at = today + dt.timedelta(days=ahead)
        days.put(f"{at}.csv", f"{HEADER}a{ahead},1,{at} 00:00:00\n")
    walk(days, "--from", str(today - dt.timedelta(days=1)))
    # Where midnight comes meanwhile, tomorrow is asked for as well, and has no file.
    assert partitions(days) == [str(today - dt.timedelta(days=1)), str(today)]


@pytest.mark.parametrize(
    "arguments",
    [("--from", "2024-02-26", "--to", "2024-02-25"), ("--from", "2024-02-25", "--window", "2024-02-25")],
)
def test_what_is_no_range_is_refused(
    days: City, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert walk(days, *arguments) == 78
    assert "range" in capsys.readouterr().err


def test_months_are_asked_for_once(city: City):
    city.declare(**{**OPEN, "schedule": {**OPEN["schedule"], "cron": "0 2 1 * *", "window": "%Y-%m"}})
    (contract,) = city.node.federation.contracts.values()
    found = windows_between(contract, dt.date(2023, 12, 31), dt.date(2024, 2, 1))
    assert found == ("2023-12", "2024-01", "2024-02")
