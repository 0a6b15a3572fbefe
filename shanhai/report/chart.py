"""Charts as inline SVG: bars of what became of rows, and shares against the contract's limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from shanhai.ingest.books import Counts
from shanhai.report.balance import PARTS, bad_share
from shanhai.report.words import limit, number, share

_PLOT_HEIGHT = 150
_TOP = 22
_LEFT = 52
_STEP = 67
_BAR = 34
_BOTTOM = 26
_DENSE = 14
_DENSE_STEP = 26
_DENSE_BAR = 16
_VALUE_HEIGHT = 12
_COURSE_WIDTH, _COURSE_LEFT = 300, 48
_COURSE_DIGIT = 6
"""What a character of a label below a course takes at most; a Chinese one takes two."""
_FLOORS = (0.99, 0.95, 0.9, 0.8, 0.5)
_ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Bar:
    """One delivery in a chart: its label, where it links to, and its counts."""

    label: str
    href: str
    counts: Counts


@dataclass(frozen=True)
class Point:
    """One moment in a course: its label, where it links to if anywhere, and the ratio A/B.

    `row` names the row of the statement that gives the ratio.
    """

    label: str
    href: str
    good: int
    total: int
    row: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        return self.good / self.total if self.total else None


@dataclass(frozen=True)
class _Frame:
    """Where things lie in a chart of `bars` bars whose scale ends at `top`."""

    bars: int
    top: float

    @property
    def dense(self) -> bool:
        return self.bars > _DENSE

    @property
    def step(self) -> int:
        return _DENSE_STEP if self.dense else _STEP

    @property
    def bar(self) -> int:
        return _DENSE_BAR if self.dense else _BAR

    @property
    def width(self) -> int:
        return _LEFT + max(self.bars, 2) * self.step + 8

    @property
    def height(self) -> int:
        return _TOP + _PLOT_HEIGHT + _BOTTOM

    def x(self, position: int) -> float:
        return _LEFT + position * self.step + (self.step - self.bar) / 2

    def y(self, value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - value / self.top)


def trend(bars: Sequence[Bar], *, title: str) -> Markup:
    """Rows of each delivery, stacked by what became of them."""
    frame = _Frame(len(bars), _ceiling(max((bar.counts.rows_in for bar in bars), default=0)))
    parts = [_axis(frame, [(value, number(round(value))) for value in _ticks(frame.top)])]
    for position, bar in enumerate(bars):
        parts.append(_linked(bar, _stack(frame, position, bar.counts), number(bar.counts.rows_in)))
    return _svg(frame, parts + _labels(frame, bars), title)


def in_reach(bars: Sequence[Bar], limits: Mapping[str, float]) -> dict[str, float]:
    """The limits on the scale of `bad_shares`: the lowest, and what the worst delivery comes near."""
    top = _top_share(bars, limits)
    return {name: value for name, value in limits.items() if value <= top}


def bad_shares(bars: Sequence[Bar], *, title: str, limits: Mapping[str, float]) -> Markup:
    """The share of quarantined rows of each delivery, against the limits that are in reach."""
    frame = _Frame(len(bars), _top_share(bars, limits))
    parts = [_axis(frame, [(value, limit(round(value, 6))) for value in (0, frame.top / 2, frame.top)])]
    lines = in_reach(bars, limits)
    parts += [_limit_line(frame, value, name) for name, value in lines.items()]
    heights = [frame.y(value) for value in lines.values()]
    for position, bar in enumerate(bars):
        bad = bad_share(bar.counts)
        left, top = frame.x(position), frame.y(bad)
        marks = _rect(left, top, frame.bar, max(frame.y(0) - top, 1), "quarantined")
        if not frame.dense:
            marks += _text(left + frame.bar / 2, _clear_of(heights, top - 5), share(bad), "value")
        parts.append(_linked(bar, marks, share(bad)))
    return _svg(frame, parts + _labels(frame, bars), title)


def _top_share(bars: Sequence[Bar], limits: Mapping[str, float]) -> float:
    highest = max((bad_share(bar.counts) for bar in bars), default=0.0)
    reached = max(highest, min(limits.values(), default=0.0), 0.001)
    return min(1.0, _ceiling(reached * 1.15))


def _clear_of(lines: Sequence[float], y: float) -> float:
    """Where a value stands that no line runs through: at `y`, or above the line that would."""
    for line in sorted(lines, reverse=True):
        if y - _VALUE_HEIGHT < line < y + 3:
            y = line - 5
    return y


def balance(counts: Counts, *, title: str) -> Markup:
    """One bar, as wide as its place, divided by what became of the rows."""
    parts, offset = [Markup("")], 0.0
    for name in PARTS:
        width = 1000 * getattr(counts, name) / counts.rows_in if counts.rows_in else 0
        if width:
            parts.append(_rect(offset, 0, max(width, 2), 14, name))
        offset += width
    return Markup(
        '<svg class="balance" viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(title, Markup("").join(parts))


def sparkline(values: Sequence[Counts], *, title: str) -> Markup:
    """Very small bars of the last deliveries, divided by what became of the rows."""
    top = max((counts.rows_in for counts in values), default=0) or 1
    parts = [Markup("")]
    for position, counts in enumerate(values):
        below = 24.0
        for name in PARTS:
            height = 22 * getattr(counts, name) / top
            if height:
                below -= max(height, 1)
                parts.append(_rect(position * 8, below, 6, max(height, 1), name))
    width = max(len(values) * 8, 8)
    return Markup(
        '<svg class="spark" width="{0}" height="24" viewBox="0 0 {0} 24" role="img" '
        'aria-label="{1}">{2}</svg>'
    ).format(width, title, Markup("").join(parts))


def course(points: Sequence[Point], *, title: str, none: str) -> Markup:
    """The course of a share: a line over its moments, broken where nothing was measured.

    The scale ends at 100 % and starts at a round share below the lowest point, which is written beside it.
    """
    known = [point.share for point in points if point.share is not None]
    floor = next((step for step in _FLOORS if not known or min(known) > step), 0.0)
    span = 1 - floor

    def x(place: int) -> float:
        return _COURSE_LEFT + (place + 0.5) * (_COURSE_WIDTH - _COURSE_LEFT - 6) / max(len(points), 1)

    def y(value: float) -> float:
        return 10 + 56 * (1 - (value - floor) / span)

    parts = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _COURSE_LEFT, _COURSE_WIDTH, y(value), y(value)
        )
        + _text(_COURSE_LEFT - 6, y(value) + 4, limit(value), "tick")
        for value in (floor, 1.0)
    ]
    if not known:
        parts.append(_text((_COURSE_LEFT + _COURSE_WIDTH) / 2, 42, none, "value"))
    steps, drawn = "", []
    for place, point in enumerate(points):
        if point.share is not None:
            joined = place and points[place - 1].share is not None
            drawn.append((x(place), y(point.share), point))
            steps += f"{'L' if joined else 'M'}{drawn[-1][0]:.1f} {drawn[-1][1]:.1f}"
    parts.append(Markup('<path class="course" d="{}"/>').format(steps) if "L" in steps else Markup(""))
    parts += [_dot(left, top, point) for left, top, point in drawn]
    ends = sorted({0, len(points) - 1}) if points else []
    parts += [_below(x(place), points[place].label) for place in ends]
    return Markup(
        '<svg class="course-chart" viewBox="0 0 {0} 88" role="group" aria-label="{1}">{2}</svg>'
    ).format(_COURSE_WIDTH, title, Markup("").join(parts))


def _below(x: float, label: str) -> Markup:
    """A label under its point, and within the chart."""
    half = sum(1 if one.isascii() else 2 for one in label) * _COURSE_DIGIT / 2
    return _text(max(half, min(x, _COURSE_WIDTH - half)), 82, label, "tick below")


def _dot(left: float, top: float, point: Point) -> Markup:
    told = f"{point.label}: {share(point.share or 0)} ({number(point.good)} / {number(point.total)})"
    dot = Markup('<title>{}</title><circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="3.2"/>').format(
        told, "" if point.share == 1 else " less", left, top
    )
    if point.href:
        return Markup('<a href="{}" aria-label="{}">{}</a>').format(point.href, told, dot)
    return Markup("<g>{}</g>").format(dot)


def _stack(frame: _Frame, position: int, counts: Counts) -> Markup:
    marks, below = Markup(""), 0
    for name in PARTS:
        value = getattr(counts, name)
        if value > 0:
            height = max(frame.y(below) - frame.y(below + value), 1)
            marks += _rect(frame.x(position), frame.y(below + value), frame.bar, height, name)
            below += value
    if not frame.dense:
        middle = frame.x(position) + frame.bar / 2
        marks += _text(middle, frame.y(below) - 6, number(counts.rows_in), "value")
    return marks


def _linked(bar: Bar, marks: Markup, value: str) -> Markup:
    return Markup('<a href="{}" aria-label="{}: {}"><title>{}: {}</title>{}</a>').format(
        bar.href, bar.label, value, bar.label, value, marks
    )


def _axis(frame: _Frame, ticks: Sequence[tuple[float, str]]) -> Markup:
    lines = Markup("")
    for value, label in ticks:
        lines += Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, frame.width, frame.y(value), frame.y(value)
        )
        lines += _text(_LEFT - 8, frame.y(value) + 4, label, "tick")
    return lines


def _limit_line(frame: _Frame, value: float, name: str) -> Markup:
    return Markup('<line class="limit l-{}" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
        name, _LEFT, frame.width, frame.y(value), frame.y(value)
    )


def _labels(frame: _Frame, bars: Sequence[Bar]) -> list[Markup]:
    every = math.ceil(_STEP / frame.step) if frame.dense else 1
    return [
        _text(frame.x(position) + frame.bar / 2, frame.height - 8, bar.label, "label")
        for position, bar in enumerate(bars)
        if position % every == 0
    ]


def _rect(x: float, y: float, width: float, height: float, part: str) -> Markup:
    return Markup('<rect class="p-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        part, x, y, width, height
    )


def _text(x: float, y: float, text: str, kind: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(kind, x, y, escape(text))


def _svg(frame: _Frame, parts: Sequence[Markup], title: str) -> Markup:
    return Markup(
        '<svg class="chart" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="group" '
        'aria-label="{2}">{3}</svg>'
    ).format(frame.width, frame.height, title, Markup("").join(parts))


def _ceiling(highest: float) -> float:
    """The next round number at or above `highest`: one of some digits times a power of ten."""
    if highest <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in _ROUND if step * power >= highest * (1 - 1e-9))


def _ticks(top: float) -> list[float]:
    return [0, top / 2, top] if top >= 2 else [0, top]
