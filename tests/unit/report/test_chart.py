"""Charts draw what the numbers say."""

from __future__ import annotations

import re

import pytest

from shanhai.ingest.books import Counts
from shanhai.report import chart


def _heights(svg: str, part: str) -> list[float]:
    return [float(height) for height in re.findall(rf'class="p-{part}"[^>]*height="([\d.]+)"', svg)]


def test_bars_are_as_high_as_their_counts() -> None:
    bars = [chart.Bar("a", "a.html", Counts(100, 75, 25)), chart.Bar("b", "b.html", Counts(50, 50))]
    svg = chart.trend(bars, title="rows")
    assert _heights(svg, "loaded") == [112.5, 75.0]
    assert _heights(svg, "quarantined") == [37.5]


def test_a_single_row_is_still_seen() -> None:
    svg = chart.trend([chart.Bar("a", "a.html", Counts(1_000_000, 999_999, 1))], title="rows")
    assert _heights(svg, "quarantined") == [1.0]


def test_limits_in_reach_are_drawn() -> None:
    bars = [chart.Bar("a", "a.html", Counts(100, 96, 4))]
    svg = chart.bad_shares(bars, title="bad", limits={"hold": 0.05, "refuse": 0.5})
    assert "l-hold" in svg
    assert "l-refuse" not in svg
    assert chart.in_reach(bars, {"hold": 0.05, "refuse": 0.5}) == {"hold": 0.05}


@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4, 5, 6, 9, 40, 60])
def test_no_line_runs_through_a_value(bad: int) -> None:
    bars = [chart.Bar(f"p{n}", "a.html", Counts(1000, 1000 - n, n)) for n in (bad * 10, 700)]
    svg = chart.bad_shares(bars, title="bad", limits={"hold": 0.05, "refuse": 0.1})
    lines = [float(y) for y in re.findall(r'class="limit[^>]*y1="([\d.]+)"', svg)]
    values = [float(y) for y in re.findall(r'class="value"[^>]*y="([\d.]+)"', svg)]
    assert (len(lines), len(values)) == (2, 2)
    assert not [(y, line) for y in values for line in lines if y - 10 < line < y + 1]


@pytest.mark.parametrize("bars", [0, 1, 3, 14, 15, 200])
def test_any_number_of_bars(bars: int) -> None:
    drawn = [chart.Bar(f"p{place}", "x.html", Counts(10, 9, 1)) for place in range(bars)]
    assert chart.trend(drawn, title="rows").count('class="p-loaded"') == bars


def test_nothing_at_all_is_drawn_without_a_division() -> None:
    assert "<svg" in chart.balance(Counts(), title="x")
    assert "<svg" in chart.sparkline([Counts()], title="x")
    empty = [chart.Bar("a", "a", Counts())]
    assert "<svg" in chart.bad_shares(empty, title="x", limits={"hold": 0.05})
    assert "<svg" in chart.bad_shares(empty, title="x", limits={})


def test_labels_are_escaped() -> None:
    svg = chart.trend([chart.Bar('"><x', '"><y', Counts(1, 1))], title='"><z')
    assert "<x" not in svg
    assert "<y" not in svg
    assert "<z" not in svg


def test_a_small_course_tells_apart_what_became_of_rows() -> None:
    svg = chart.sparkline([Counts(100, 50, 20, 10, 5, 15)], title="x")
    for part in ("loaded", "quarantined", "duplicates", "superseded", "withheld"):
        assert f'class="p-{part}"' in svg, part
    assert 'class="p-withheld"' not in chart.sparkline([Counts(10, 5, 5)], title="x")


def test_a_course_is_broken_where_nothing_was_measured() -> None:
    points = [chart.Point("a", "", 1, 2), chart.Point("b", "", 0, 0), chart.Point("c", "c.html", 2, 2)]
    svg = chart.course(points, title="accuracy", none="not measured")
    assert svg.count("<circle") == 2
    assert "<path" not in svg
    assert "a: 50.00% (1 / 2)" in svg
    assert "not measured" in chart.course([chart.Point("a", "", 0, 0)], title="x", none="not measured")


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_the_labels_of_a_course_stand_under_its_points(count: int) -> None:
    points = [chart.Point(f"2024-03-{day:02}", "", 1, 2) for day in range(1, count + 1)]
    svg = chart.course(points, title="accuracy", none="not measured")
    labels = [float(x) for x in re.findall(r'class="tick below" x="([\d.]+)"', svg)]
    dots = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    assert len(labels) == min(count, 2)
    for label, dot in zip(labels, (dots[0], dots[-1]), strict=False):
        # At the right edge a label stays within the chart, and the dot above it.
        assert label == dot if dot < 270 else label <= dot < label + 30
        assert label + 30 <= 300
