"""Lineage as a picture: deliveries, the tables they are in, and the mart, from left to right."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from shanhai.lineage.trace import DeliveryPart, MartTrace, TablePart
from shanhai.report.words import Words, number

_ROW, _GAP, _HEIGHT = 30, 10, 24
_COLUMNS = ((4, 260), (372, 260), (740, 260))
"""Left edge and width of the boxes: deliveries, tables, the mart."""
_WIDTH = 1004
_SHOWN = 3
"""Deliveries drawn of each table; the table below the picture has them all."""


def lineage(trace: MartTrace, *, t: Words, url: Callable[[str], str]) -> Markup:
    """What a mart rests on; `url` gives the link to a page of the report."""
    parts: list[Markup] = []
    top, middles = 6.0, []
    for table in trace.tables:
        drawn = table.deliveries[-_SHOWN:]
        hidden = len(table.deliveries) - len(drawn)
        rows = max(1, len(drawn) + bool(hidden))
        middle = top + rows * _ROW / 2 - (_ROW - _HEIGHT) / 2
        parts.append(_deliveries(table, drawn, hidden, top, middle, t, url))
        label = f"{table.dataset} v{table.version}"
        parts.append(_box(1, middle, label, "table", url(f"datasets/{table.dataset}.html")))
        middles.append(middle)
        top += rows * _ROW + _GAP
    for name, version in trace.books:
        middle = top + _HEIGHT / 2
        parts.append(_box(1, middle, f"{name} v{version}", "books", ""))
        middles.append(middle)
        top += _ROW + _GAP
    centre = sum(middles) / len(middles) if middles else top + _HEIGHT / 2
    lines = [_line(1, middle, 2, centre) for middle in middles]
    mart = _box(2, centre, f"{trace.mart.name} v{trace.mart.version}", "mart", "")
    height = max(top, 40)
    return Markup(
        '<svg class="graph" width="{0}" height="{1:.0f}" viewBox="0 0 {0} {1:.0f}" role="group" '
        'aria-label="{2}">{3}</svg>'
    ).format(_WIDTH, height, t("mart.lineage"), Markup("").join((*lines, *parts, mart)))


def _deliveries(
    table: TablePart,
    drawn: tuple[DeliveryPart, ...],
    hidden: int,
    top: float,
    middle: float,
    t: Words,
    url: Callable[[str], str],
) -> Markup:
    found = Markup("")
    place = top + _HEIGHT / 2
    if hidden:
        found += _line(0, place, 1, middle) + _box(0, place, t("mart.more", deliveries=hidden), "more", "")
        place += _ROW
    for part in drawn:
        label = f"{part.delivery.partition} · {part.delivery.snapshot[:8]} · {number(part.loaded)}"
        found += _line(0, place, 1, middle)
        found += _box(0, place, label, "delivery", url(f"deliveries/{part.delivery.key}.html"))
        place += _ROW
    return found


def _box(column: int, middle: float, label: str, kind: str, href: str) -> Markup:
    left, width = _COLUMNS[column]
    longest = width // 7
    shown = label if len(label) <= longest else f"{label[: longest - 1]}…"
    box = Markup(
        '<rect class="g-{}" x="{}" y="{:.1f}" width="{}" height="{}" rx="4"/>'
        '<text class="node" x="{}" y="{:.1f}">{}</text>'
    ).format(kind, left, middle - _HEIGHT / 2, width, _HEIGHT, left + 9, middle + 4, shown)
    named = Markup("<title>{}</title>{}").format(label, box)
    return Markup('<a href="{}">{}</a>').format(href, named) if href else Markup("<g>{}</g>").format(named)


def _line(column: int, start: float, to: int, end: float) -> Markup:
    left = _COLUMNS[column][0] + _COLUMNS[column][1]
    right = _COLUMNS[to][0]
    bend = (left + right) / 2
    return Markup('<path class="edge" d="M{} {:.1f}C{} {:.1f} {} {:.1f} {} {:.1f}"/>').format(
        left, start, bend, start, bend, end, right, end
    )
