"""The truth: what the ledger must say after all deliveries, added up from what was planted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from infra.simulator.deliveries import Dataset, Delivery


@dataclass(frozen=True)
class Expectation:
    """The net ledger line that one delivery must end with.

    `order` counts the deliveries of a dataset from 1. `reasons` counts quarantined rows by rule; a row
    that breaks two rules counts in both. `malformed` counts quarantined lines that are no records.
    `faults` counts planted faults by kind, legal ones too.
    """

    dataset: str
    partition: str
    name: str
    order: int
    rows_in: int
    loaded: int
    quarantined: int
    duplicates: int
    superseded: int
    withheld: int
    verdict: str
    malformed: int
    reasons: dict[str, int]
    faults: dict[str, int]
    notes: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def expectations(dataset: Dataset) -> list[Expectation]:
    """The net ledger of one dataset once its deliveries are processed in the order of their windows."""
    losses = _losses(dataset.deliveries)
    return [
        _expectation(delivery, order, losses[delivery.name])
        for order, delivery in enumerate(dataset.deliveries, start=1)
    ]


def _losses(deliveries: Iterable[Delivery]) -> Counter[str]:
    """Loaded rows that each delivery loses to deliveries after it."""
    losses: Counter[str] = Counter()
    loaded: dict[str, int] = {}
    for delivery in deliveries:
        loaded[delivery.name] = 0 if delivery.verdict != "accepted" else _count(delivery, "good")
        if delivery.verdict != "accepted":
            continue
        for row in delivery.rows:
            if row.fate == "good" and row.supersedes:
                losses[row.supersedes] += 1
        if delivery.replaces:
            losses[delivery.replaces] += loaded[delivery.replaces]
    return losses


def _expectation(delivery: Delivery, order: int, lost: int) -> Expectation:
    good = _count(delivery, "good")
    accepted = delivery.verdict == "accepted"
    bad = [row for row in delivery.rows if row.fate == "bad"]
    return Expectation(
        dataset=delivery.dataset,
        partition=delivery.partition,
        name=delivery.name,
        order=order,
        rows_in=len(delivery.rows),
        loaded=good - lost if accepted else 0,
        quarantined=len(bad),
        duplicates=_count(delivery, "duplicate"),
        superseded=_count(delivery, "superseded") + lost,
        withheld=0 if accepted else good,
        verdict=delivery.verdict,
        malformed=sum(1 for row in bad if row.raw is not None),
        reasons=dict(sorted(Counter(rule for row in bad for rule in row.breaks).items())),
        faults=dict(sorted(Counter(row.fault for row in delivery.rows if row.fault).items())),
        notes=dict(delivery.notes),
    )


def _count(delivery: Delivery, fate: str) -> int:
    return sum(1 for row in delivery.rows if row.fate == fate)
