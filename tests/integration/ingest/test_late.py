"""A window for which nothing came in time is late, by the contract's calendar and the node's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shanhai.ingest.pending import late
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
    assert late_step(city.node) == {"late": ["acity.events/2024-02-29"]}
    assert "notify event=late" in caplog.text
