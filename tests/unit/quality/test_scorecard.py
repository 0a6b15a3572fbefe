"""The scorecard counts A and B, never a share of nothing, and a dimension is worth its lowest indicator."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from shanhai.quality.scorecard import (
    DIMENSIONS,
    INDICATORS,
    DeliveryFact,
    Ratio,
    RuleFact,
    WindowFact,
    indicators,
    lowest,
    merged,
    of_delivery,
    of_truths,
    of_windows,
)

FACT = DeliveryFact(
    rows_in=100,
    loaded=80,
    duplicates=4,
    withheld=0,
    malformed=2,
    in_lake=80,
    readable=True,
    headings=5,
    missing=1,
    rules=(RuleFact("accuracy", 3, 98), RuleFact("accuracy", 0, 98), RuleFact("conformity", 5, 98)),
)
DUE = datetime(2024, 3, 2, 12, tzinfo=UTC)


def window(came: timedelta | None, due: datetime = DUE) -> WindowFact:
    return WindowFact(date(2024, 3, 1), due, None if came is None else due + came)


def test_every_indicator_belongs_to_one_of_the_six_dimensions():
    assert {INDICATORS[name] for name in INDICATORS} == set(DIMENSIONS)
    assert [name for dimension in DIMENSIONS for name in indicators(dimension)] == list(INDICATORS)


def test_a_delivery_is_counted_as_good_of_total():
    assert of_delivery(FACT) == {
        "conforming_values": Ratio(93, 98),
        "expected_headings": Ratio(4, 5),
        "accurate_values": Ratio(193, 196),
        "whole_records": Ratio(98, 100),
        "single_rows": Ratio(96, 100),
        "agreeing_deliveries": Ratio(1, 1),
        "readable_deliveries": Ratio(1, 1),
        "usable_rows": Ratio(80, 80),
    }


def test_lake_and_ledger_that_differ_do_not_agree():
    assert of_delivery(replace(FACT, in_lake=79))["agreeing_deliveries"] == Ratio(0, 1)
    held = replace(FACT, loaded=0, in_lake=0, withheld=80)
    assert "agreeing_deliveries" not in of_delivery(held)
    assert of_delivery(held)["usable_rows"] == Ratio(0, 80)


def test_an_unreadable_delivery_counts_against_reading_and_against_nothing_else():
    nothing = DeliveryFact(0, 0, 0, 0, 0, 0, readable=False, headings=5)
    assert of_delivery(nothing) == {"readable_deliveries": Ratio(0, 1)}


def test_without_facts_nothing_is_measured():
    assert of_delivery(DeliveryFact(0, 0, 0, 0, 0, 0)) == {}
    assert of_windows([], None) == {}
    assert of_truths(0, 0) == {}
    assert lowest({}, "timeliness") is None
    assert Ratio().share is None


def test_windows_that_came_and_those_in_time_are_two_things():
    windows = [window(timedelta(hours=-1)), window(timedelta(0)), window(timedelta(hours=1)), window(None)]
    card = of_windows(windows, DUE - timedelta(days=9))
    assert card == {"came_windows": Ratio(3, 4), "punctual_windows": Ratio(2, 4)}


def test_nobody_is_late_before_the_first_pull():
    card = of_windows([window(timedelta(days=900))], DUE + timedelta(days=900))
    assert card == {"came_windows": Ratio(1, 1)}
    on_the_dot = of_windows([window(timedelta(0))], DUE)
    assert on_the_dot["punctual_windows"] == Ratio(1, 1)


def test_cards_add_up_and_the_lowest_indicator_counts():
    both = merged([of_delivery(FACT), of_delivery(FACT)])
    assert both["accurate_values"] == Ratio(386, 392)
    assert lowest(both, "accuracy") == "single_rows"
    assert lowest(both, "conformity") == "expected_headings"
    assert list(both) == [name for name in INDICATORS if name in both]
