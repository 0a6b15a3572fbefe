"""A window for which nothing came in time is late, by the contract's calendar and the node's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shanhai.ingest.pending import late, read_told
from shanhai.ingest.snapshot import pull
from shanhai.ingest.walk import late_step

SCHEDULE = {
    "cron": "0 2 * * *",
    "window": "%Y-%m-%d",
    "start": "2024-02-28",
    "end": "2024-03-02",
    "due_hours": 36,
}


@pytest.fixture
def city(make_city):
    return make_city(
        source={"connector": "files", "endpoint": "data", "options": {"path": "{window}.csv"}},
        delivery={"per": "file", "partition": {"by": "window"}},
        schedule=SCHEDULE,
    )


# A window starts at midnight in Shanghai, 16:00 UTC of the day before; 36 hours later it is 04:00 UTC.
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2024, 2, 29, 3, 59, tzinfo=UTC), []),
        (datetime(2024, 2, 29, 4, 1, tzinfo=UTC), ["2024-02-28"]),
        (datetime(2024, 3, 1, 4, 1, tzinfo=UTC), ["2024-02-28", "2024-02-29"]),
        (datetime(2030, 1, 1, tzinfo=UTC), ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"]),
    ],
)
def test_a_window_is_late_from_its_due_time_on(city, now, expected):
    city.now = now
    assert [item.window for item in late(city.node)] == expected


def test_what_came_is_not_late_and_people_are_told_of_the_rest(city, caplog):
    city.put("2024-02-28.csv", "编号,n,at\na,1,2024-02-28\n")
    pull(city.node, city.node.federation.datasets[0], "2024-02-28")
    city.now = datetime(2024, 3, 1, 4, 1, tzinfo=UTC)
    assert late_step(city.node)["late"] == ["acity.events/2024-02-29"]
    assert "notify event=late" in caplog.text


def test_a_late_window_is_told_once_and_forgotten_when_it_comes(city, caplog):
    city.now = datetime(2024, 2, 29, 4, 1, tzinfo=UTC)
    assert late_step(city.node)["told"] == ["acity.events/2024-02-28"]
    assert late_step(city.node) == {"late": ["acity.events/2024-02-28"], "told": []}
    assert caplog.text.count("notify event=late") == 1
    city.now = datetime(2024, 3, 1, 4, 1, tzinfo=UTC)
    assert late_step(city.node)["told"] == ["acity.events/2024-02-29"]
    city.put("2024-02-28.csv", "编号,n,at\na,1,2024-02-28\n")
    pull(city.node, city.node.federation.datasets[0], "2024-02-28")
    assert late_step(city.node) == {"late": ["acity.events/2024-02-29"], "told": []}
    assert read_told(city.node) == {"acity.events/2024-02-29"}


def test_a_window_that_nobody_could_be_told_of_is_told_again(city, monkeypatch):
    monkeypatch.setenv("SHANHAI_NOTIFY_URL", "http://127.0.0.1:9")
    city.now = datetime(2024, 2, 29, 4, 1, tzinfo=UTC)
    assert late_step(city.node)["told"] == []
    monkeypatch.delenv("SHANHAI_NOTIFY_URL")
    assert late_step(city.node)["told"] == ["acity.events/2024-02-28"]


def test_a_damaged_memory_of_what_was_told_only_tells_again(city):
    city.now = datetime(2024, 2, 29, 4, 1, tzinfo=UTC)
    late_step(city.node)
    (city.root / "home" / "notified" / "late.json").write_text("{")
    assert late_step(city.node)["told"] == ["acity.events/2024-02-28"]


def test_a_home_is_for_its_owner_alone(city):
    city.node  # noqa: B018 - opening it makes the folders
    home = city.root / "home"
    folders = [home, *(folder for folder in home.iterdir() if folder.is_dir())]
    assert {folder.name for folder in folders} >= {"home", "marts", "logs", "report", "lake"}
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o700"}
