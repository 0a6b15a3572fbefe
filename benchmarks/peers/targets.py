"""What was meant to be reached beside the peers, and whether it is, size by size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.peers.book import Book, Size
from benchmarks.peers.catalogue import LIMIT, SHANHAI
from benchmarks.peers.figures import times_as_fast

_MEMORY = 2 * 10**9
_SLACK = 1.05
"""Time per row may differ by so much from one size to the next: medians do, without a reason."""


@dataclass(frozen=True)
class Found:
    """A figure as it is told, and whether it is what was meant.

    Attributes:
        allowed: the seconds in which it would have been reached; None where seconds are not what is meant.
    """

    text: str
    reached: bool
    allowed: float | None = None


@dataclass(frozen=True)
class Target:
    """One target; `found` takes a size and the next smaller one, and gives None where one is missing."""

    text: str
    found: Callable[[Size, Size | None], Found | None]


def targets_table(book: Book) -> Iterator[str]:
    """A line for each target, a column for each size, as Markdown."""
    sizes = [book.sizes[rows] for rows in sorted(book.sizes)]
    yield f"| | {' | '.join(f'{size.rows:,} rows' for size in sizes)} |"
    yield f"|---|{'---:|' * len(sizes)}"
    for target in TARGETS:
        cells = []
        for size, smaller in zip(sizes, [None, *sizes], strict=False):
            found = target.found(size, smaller)
            cells.append(
                "" if found is None else found.text if found.reached else f"{found.text}, **missed**"
            )
        yield f"| {target.text} | {' | '.join(cells)} |"


def _faster_than(name: str, at_least: float) -> Callable[[Size, Size | None], Found | None]:
    def found(size: Size, _: Size | None) -> Found | None:
        if not {SHANHAI, name} <= size.figures.keys():
            return None
        factor = times_as_fast(size.figures[SHANHAI], size.figures[name])
        allowed = size.figures[name].seconds / at_least
        return Found(f"{factor:.2f} ×", factor >= at_least, allowed)

    return found


def _of_the_limit(size: Size, _: Size | None) -> Found | None:
    if not {SHANHAI, LIMIT} <= size.figures.keys():
        return None
    part = times_as_fast(size.figures[SHANHAI], size.figures[LIMIT])
    return Found(f"{part:.2f}", part >= 0.4, size.figures[LIMIT].seconds / 0.4)


def _memory(size: Size, _: Size | None) -> Found | None:
    ours = size.figures.get(SHANHAI)
    if ours is None:
        return None
    return Found(f"{ours.peak_bytes / 10**9:.2f} GB", ours.peak_bytes < _MEMORY)


def _growth(size: Size, smaller: Size | None) -> Found | None:
    if smaller is None or not (SHANHAI in size.figures and SHANHAI in smaller.figures):
        return None
    factor = smaller.figures[SHANHAI].rate(smaller.rows) / size.figures[SHANHAI].rate(size.rows)
    return Found(f"{factor:.2f} ×", factor <= _SLACK)


GROWTH = Target("time per row, beside the size before: no more", _growth)

TARGETS = (
    Target("faster than dlt's Arrow path into DuckDB", _faster_than("dlt-arrow-duckdb", 1)),
    Target("faster than dlt's Arrow path into Delta", _faster_than("dlt-arrow-delta", 1)),
    Target("five times as fast as Sling", _faster_than("sling", 5)),
    Target("five times as fast as target-duckdb", _faster_than("target-duckdb", 5)),
    Target("0.4 of the limit", _of_the_limit),
    Target("less than 2 GB of memory", _memory),
    GROWTH,
)
