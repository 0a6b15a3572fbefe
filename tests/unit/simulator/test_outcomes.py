"""What the marts must say follows from what was planted."""

from __future__ import annotations

import datetime as dt

import pytest

from infra.simulator import outcomes
from infra.simulator.datasets import longyou_water
from infra.simulator.happenings import SHANGHAI


@pytest.mark.parametrize(
    ("day", "last"),
    [
        ("2022-08-28", "2023-02-28"),
        ("2022-08-31", "2023-02-28"),
        ("2023-08-31", "2024-02-29"),
        ("2023-12-31", "2024-06-30"),
        ("2024-02-29", "2024-08-29"),
        ("2023-06-15", "2023-12-15"),
    ],
)
def test_half_a_year_ends_on_a_day_that_exists(day, last):
    assert outcomes.half_a_year_after(dt.date.fromisoformat(day)) == dt.date.fromisoformat(last)


def test_the_planted_meters_are_the_ones_to_look_at():
    alerts = outcomes.alerts()
    third = dt.datetime(2024, 3, 3, tzinfo=SHANGHAI)
    by_meter = {int(meter[-4:]): (kind, raised, lasts) for meter, kind, raised, lasts in alerts}
    assert len(alerts) == len(by_meter) == 5
    assert {by_meter[meter] for meter in longyou_water.STILL} == {("flat", third, True)}
    assert by_meter[120] == ("flat", third, False)
    assert by_meter[longyou_water.SILENT] == ("silent", third.replace(hour=23, minute=50), True)
    assert by_meter[longyou_water.BACKWARDS] == ("backwards", third.replace(hour=12), False)
    assert set(longyou_water.MOVES_AGAIN) - set(by_meter) == {31}
