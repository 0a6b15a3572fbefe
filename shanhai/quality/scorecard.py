"""The scorecard: indicators of the six dimensions of GB/T 36344-2018, each a ratio A/B of kept facts.

A dimension is worth its lowest indicator: nothing is averaged away, and the number stays an A of a B. What
has no facts is not measured, which is not the same as good.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

DIMENSIONS = ("conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")
"""规范性 完整性 准确性 一致性 时效性 可访问性, in the order of the standard."""

INDICATORS: Mapping[str, str] = MappingProxyType(
    {
        "conforming_values": "conformity",
        "expected_headings": "conformity",
        "given_values": "completeness",
        "accurate_values": "accuracy",
        "whole_records": "accuracy",
        "single_rows": "accuracy",
        "agreeing_deliveries": "consistency",
        "holding_truths": "consistency",
        "came_windows": "timeliness",
        "punctual_windows": "timeliness",
        "readable_deliveries": "accessibility",
        "usable_rows": "accessibility",
    }
)
"""Each indicator and its dimension; what A and B count is worded beside it in the report."""

RULES = MappingProxyType(
    {"conformity": "conforming_values", "completeness": "given_values", "accuracy": "accurate_values"}
)
"""The indicator to which the rules of a dimension add."""


@dataclass(frozen=True)
class Ratio:
    """`good` of `total`, as counts."""

    good: int = 0
    total: int = 0

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.good + other.good, self.total + other.total)

    @property
    def share(self) -> float | None:
        """0 to 1; None where nothing was measured."""
        return self.good / self.total if self.total else None


Card = Mapping[str, Ratio]
"""The ratio of each indicator that has one."""


@dataclass(frozen=True)
class RuleFact:
    """One rule over the well-formed rows of a delivery."""

    dimension: str
    broken: int
    checked: int


@dataclass(frozen=True)
class DeliveryFact:
    """What is kept of one delivery. The rows are those of its ledger entries, net.

    Args:
        readable: whether its bytes could be decoded; None where no record of staging is kept.
        headings, missing: how many the contract names, and how many of them the source lacked.
        malformed: rows that are no record.
        in_lake: rows that the table holds of it, counted there.
    """

    rows_in: int
    loaded: int
    duplicates: int
    withheld: int
    malformed: int
    in_lake: int
    readable: bool | None = None
    headings: int = 0
    missing: int = 0
    rules: tuple[RuleFact, ...] = ()


@dataclass(frozen=True)
class WindowFact:
    """One window that is due by now: its day, by when, and when its first delivery was pulled, if any was."""

    day: date
    due: datetime
    came: datetime | None


def of_delivery(fact: DeliveryFact) -> Card:
    """The indicators that one delivery adds to."""
    found: dict[str, Ratio] = defaultdict(Ratio)
    for rule in fact.rules:
        if rule.dimension in RULES:
            found[RULES[rule.dimension]] += Ratio(rule.checked - rule.broken, rule.checked)
    if fact.readable is not None:
        found["readable_deliveries"] = Ratio(int(fact.readable), 1)
    if fact.readable:
        found["expected_headings"] = Ratio(fact.headings - fact.missing, fact.headings)
    found["whole_records"] = Ratio(fact.rows_in - fact.malformed, fact.rows_in)
    found["single_rows"] = Ratio(fact.rows_in - fact.duplicates, fact.rows_in)
    found["usable_rows"] = Ratio(fact.loaded, fact.loaded + fact.withheld)
    if fact.loaded or fact.in_lake:
        found["agreeing_deliveries"] = Ratio(int(fact.loaded == fact.in_lake), 1)
    return measured(found)


def of_windows(windows: Iterable[WindowFact], since: datetime | None) -> Card:
    """The indicators of a calendar.

    Args:
        windows: those that are due by now.
        since: when anything of the dataset was pulled first. Nobody could be punctual before.
    """
    found: dict[str, Ratio] = defaultdict(Ratio)
    for window in windows:
        found["came_windows"] += Ratio(int(window.came is not None), 1)
        if since is not None and since <= window.due:
            punctual = window.came is not None and window.came <= window.due
            found["punctual_windows"] += Ratio(int(punctual), 1)
    return measured(found)


def of_truths(held: int, run: int) -> Card:
    """The indicator of truths across tables: how many held, of those that were looked at."""
    return measured({"holding_truths": Ratio(held, run)})


def merged(cards: Iterable[Card]) -> Card:
    """Many cards as one: A and B are added up for each indicator."""
    found: dict[str, Ratio] = defaultdict(Ratio)
    for card in cards:
        for name, ratio in card.items():
            found[name] += ratio
    return {name: found[name] for name in INDICATORS if name in found}


def measured(card: Card) -> Card:
    """The card without indicators that nothing was counted for."""
    return {name: card[name] for name in INDICATORS if name in card and card[name].total}


def indicators(dimension: str) -> tuple[str, ...]:
    """The indicators of a dimension, in order."""
    return tuple(name for name, of in INDICATORS.items() if of == dimension)


def lowest(card: Card, dimension: str) -> str | None:
    """The indicator that a dimension is worth: the one with the smallest share; None: not measured."""
    shares = dict(_shares(card, dimension))
    return min(shares, key=lambda name: shares[name]) if shares else None


def _shares(card: Card, dimension: str) -> Iterator[tuple[str, float]]:
    for name in indicators(dimension):
        share = card[name].share if name in card else None
        if share is not None:
            yield name, share
