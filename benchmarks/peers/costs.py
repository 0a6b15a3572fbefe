"""Which part of Shanhai costs a target that is missed: a sentence for each target."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.peers.book import Book, Size
from benchmarks.peers.catalogue import SHANHAI
from benchmarks.peers.targets import GROWTH, TARGETS, Found, Target

_STEPS = ("stage", "check", "load")
"""Those whose seconds count."""


def costs(book: Book) -> Iterator[str]:
    """An item of a Markdown list for each target that is missed at some size."""
    sizes = [book.sizes[rows] for rows in sorted(book.sizes)]
    for target in TARGETS:
        told = [
            f"of {size.rows:,} rows the {_cost(target, found, size, smaller)}"
            for size, smaller in zip(sizes, [None, *sizes], strict=False)
            if (found := target.found(size, smaller)) is not None and not found.reached
        ]
        if told:
            yield f"- {target.text}: {'; '.join(told)}."


def _cost(target: Target, found: Found, size: Size, smaller: Size | None) -> str:
    if found.allowed is not None:
        return _of_seconds(size, found.allowed)
    if target is GROWTH and smaller is not None:
        return _of_growth(size, smaller)
    return "whole, since memory is looked at over all parts together"


def _of_seconds(size: Size, allowed: float) -> str:
    """The part that is too slow by itself, else the least one without which the rest is fast enough."""
    parts = _seconds(size)
    total = size.figures[SHANHAI].seconds
    greatest = max(parts, key=lambda name: parts[name])
    if parts[greatest] > allowed:
        return f"{greatest}, {parts[greatest]:.2f} s by itself, where {allowed:.2f} s are allowed in all"
    enough = [name for name in parts if total - parts[name] <= allowed]
    least = min(enough, key=lambda name: parts[name], default=greatest)
    return f"{least}, {parts[least]:.2f} s, where {total - allowed:.2f} s are too many"


def _of_growth(size: Size, smaller: Size) -> str:
    """By how much the time per row of each part grew, the one that grew most first."""
    now, before = _seconds(size), _seconds(smaller)
    grown = {name: now[name] / size.rows / (before[name] / smaller.rows) for name in now if before.get(name)}
    order = sorted(grown, key=lambda name: -grown[name])
    return ", then the ".join(
        f"{name}, {grown[name]:.2f} × ({before[name]:.2f} → {now[name]:.2f} s)" for name in order
    )


def _seconds(size: Size) -> dict[str, float]:
    steps = size.figures[SHANHAI].steps
    return {name: steps[name]["seconds"] for name in _STEPS if name in steps}
