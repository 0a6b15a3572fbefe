"""Windows by their keys: weeks go the whole way, and a key of another form stops nothing, kept or not."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml
from one_city import DATASET, HEADER, City

from shanhai.cli import main
from shanhai.errors import ConfigurationError, ContractError
from shanhai.ingest import walk
from shanhai.ingest.sidecar import sidecars
from shanhai.report import calendar_sql
from shanhai.report.read import read_report


def windowed(form: str = "%Y-%m-%d", path: str = "{window}.csv", **schedule: Any) -> dict[str, Any]:
    return {
        "source": {"connector": "files", "endpoint": "data", "options": {"path": path}},
        "delivery": {"per": "file", "partition": {"by": "window"}},
        "schedule": {"cron": "0 2 * * *", "window": form, "start": "2024-02-20", "due_hours": 36, **schedule},
    }


def test_weeks_are_walked_watched_and_counted_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.declare(**windowed("%G-W%V", start="2024-02-12"))
    freshness = {
        "column": "at",
        "within_hours": 168,
        "reason": "a week has its own days",
        "since": "2024-01-01",
    }
    plausible = city.root / "expectations" / "plausibility" / "acity" / "events.yml"
    plausible.parent.mkdir(parents=True)
    plausible.write_text(yaml.safe_dump({"freshness": freshness}))
    city.put("2024-W08.csv", f"{HEADER}a,1,2024-02-20\n")
    city.put("2024-W09.csv", f"{HEADER}b,1,2024-02-20\n")
    walk.walk(city.node, DATASET, "2024-W08")
    walk.walk(city.node, DATASET, "2024-W09")
    assert city.rows() == [("a", 1)]
    assert city.ledger()["2024-W09"].verdict == "held"
    city.now = datetime(2024, 3, 5, 5, tzinfo=UTC)
    assert walk.late_step(city.node)["late"] == ["acity.events/2024-W07", "acity.events/2024-W10"]
    data = read_report(city.node)
    (dataset,) = data.datasets
    assert [one.day for one in dataset.windows if one.came is None] == [date(2024, 2, 12), date(2024, 3, 4)]
    monkeypatch.chdir(city.root / "home")
    found = duckdb.sql(f'SELECT "window" FROM ({calendar_sql.late(data).sql.rstrip(";")})').fetchall()
    assert found == [("2024-W07",), ("2024-W10",)]
    days = duckdb.sql(f"WITH {calendar_sql.days(data)} SELECT day FROM days ORDER BY day").fetchall()
    assert days == [(date(2024, 2, 19),), (date(2024, 2, 26),)]


@pytest.mark.parametrize("form", ["%Y-W%V", "%V", "%m-%d", "%Y%d"])
def test_a_form_that_tells_no_day_is_refused_by_the_check_of_contracts(city: City, form: str) -> None:
    with pytest.raises(ContractError, match="does not tell its first day"):
        city.declare(**windowed(form))


@pytest.mark.parametrize("changed", [{"start": "0024-02-20"}, {"start": "1950-01-01", "window": "%y%m%d"}])
def test_a_start_whose_window_cannot_be_read_is_refused(city: City, changed: dict[str, str]) -> None:
    with pytest.raises(ContractError, match="the window of start has no key that can be read"):
        city.declare(**windowed(**changed))


@pytest.mark.parametrize("key", ["2024-02", "2024-2-28", "2024-02-30", "../2024-02-28"])
@pytest.mark.parametrize("path", ["{window}*.csv", "*.csv"])
def test_a_key_of_another_form_is_refused_before_anything_is_kept(city: City, key: str, path: str) -> None:
    city.declare(**windowed(path=path))
    city.put("2024-02-28.csv", f"{HEADER}a,1,2024-02-28\n")
    with pytest.raises(ConfigurationError, match="not the key of a window") as refused:
        walk.pull_step(city.node, DATASET, key)
    assert "%Y-%m-%d, such as 2024-03-01" in str(refused.value)
    assert sidecars(city.node, DATASET) == []
    assert list(city.node.snapshots.list("sha256")) == []
    walk.walk(city.node, DATASET, "2024-02-28")
    assert city.rows() == [("a", 1)]


def test_a_delivery_that_has_such_a_key_already_is_judged_and_stops_no_other(city: City) -> None:
    city.declare(**windowed("%Y-%m", path="*.csv"))
    city.put("a.csv", f"{HEADER}a,1,2024-02-28\n")
    walk.pull_step(city.node, DATASET, "2024-02")
    city.declare(version="2.0.0", **windowed(path="*.csv"))
    city.put("a.csv", f"{HEADER}b,1,2024-02-28\n")
    walk.walk(city.node, DATASET, "2024-02-28")
    assert city.rows() == [("a", 1), ("b", 1)]
    city.now = datetime(2024, 2, 29, 5, tzinfo=UTC)
    assert len(walk.late_step(city.node)["late"]) == 8
    assert len(read_report(city.node).datasets[0].windows) == 9


def test_a_calendar_that_ends_with_all_time_is_kept(city: City) -> None:
    city.declare(**windowed(end="9999-12-31"))
    city.now = datetime(2024, 2, 21, 5, tzinfo=UTC)
    assert walk.late_step(city.node)["late"] == ["acity.events/2024-02-20"]
    assert len(read_report(city.node).datasets[0].windows) == 1


class Walk:
    """`shanhai walk` on a city; gives the code, the windows that were pulled, and what was said."""

    def __init__(self, city: City, capsys: pytest.CaptureFixture[str]) -> None:
        self._places = ["--home", str(city.root / "home"), "--federation", str(city.root)]
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, list[str], str]:
        self._capsys.readouterr()
        code = main([*self._places, "walk", "acity.events", *words, "--until", "pull"])
        said = self._capsys.readouterr().err
        return code, [line.split()[-1] for line in said.splitlines() if line.startswith("pull ")], said


@pytest.fixture
def walked(city: City, capsys: pytest.CaptureFixture[str]) -> Walk:
    city.declare(**windowed())
    return Walk(city, capsys)


@pytest.fixture
def today() -> date:
    """The day where the data are made; a test that begins within its last minute waits for the next one."""
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    if (now + timedelta(minutes=1)).date() != now.date():
        time.sleep(60)
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def test_how_many_windows_a_range_has_is_said_before_it_begins_and_none_is_of_a_day_to_come(
    walked: Walk, today: date
) -> None:
    days = [str(today - timedelta(days=back)) for back in (2, 1, 0)]
    _, pulled, said = walked("--from", days[0], "--to", "2900-01-01")
    assert pulled == days
    assert said.startswith(
        f"range  acity.events  3 windows, {days[0]} to {days[2]}; days after {today} are left out\n"
    )
    _, pulled, said = walked("--from", days[0], "--to", days[1])
    assert pulled == days[:2]
    assert "left out" not in said


def test_a_range_of_more_windows_than_anybody_means_begins_nothing(walked: Walk, today: date) -> None:
    code, pulled, said = walked("--from", "1900-01-01", "--to", "2900-01-01")
    number = (today - date(1900, 1, 1)).days + 1
    assert (code, pulled) == (78, [])
    assert f"{number:,} windows" in said
    assert "up to 1,000" in said
    assert f"--limit {number}" in said
    few = ("--from", "2024-02-28", "--to", "2024-03-01", "--limit")
    assert walked(*few, "2")[:2] == (78, [])
    assert walked(*few, "3")[1] == ["2024-02-28", "2024-02-29", "2024-03-01"]


def test_a_range_of_days_to_come_is_refused(walked: Walk, today: date) -> None:
    tomorrow = str(today + timedelta(days=1))
    code, pulled, said = walked("--from", tomorrow, "--to", "2900-01-01")
    assert (code, pulled) == (78, [])
    assert "nothing of the range is published yet" in said
    assert f"days up to {today}" in said
    assert walked("--window", tomorrow)[1] == [tomorrow]
