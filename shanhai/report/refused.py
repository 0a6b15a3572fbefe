"""What became of refused rows: counts by state, for a delivery, a rule, a dataset or all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from shanhai.ids import DeliveryId

STATES = ("open", "discarded", "purged", "released")
"""As `shanhai.ingest.quarantine.State`; the first three are what the ledger counts as quarantined."""


@dataclass(frozen=True)
class Refused:
    """Rows that broke a rule or are no record; each is in one state."""

    open: int = 0
    discarded: int = 0
    purged: int = 0
    released: int = 0

    def __add__(self, other: Refused) -> Refused:
        return Refused(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def rows(self) -> int:
        """All of them, whatever became of them."""
        return sum(astuple(self))

    @property
    def quarantined(self) -> int:
        """Those that the ledger counts as quarantined: a row that was released is a good one."""
        return self.rows - self.released


@dataclass(frozen=True)
class ReasonCount:
    """The rows of a delivery that broke one rule; a row counts under each rule that it broke."""

    delivery: DeliveryId
    reason: str
    refused: Refused


def by_reason(counts: Iterable[ReasonCount]) -> tuple[tuple[str, Refused], ...]:
    """Refused rows of deliveries together by the rule that they broke, most first."""
    counted: dict[str, Refused] = defaultdict(Refused)
    for count in counts:
        counted[count.reason] += count.refused
    return tuple(sorted(counted.items(), key=lambda item: (-item[1].rows, item[0])))
