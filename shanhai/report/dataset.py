"""What a report says of one dataset: its promise, its deliveries, and when they were due."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import date, datetime

from shanhai.contracts.federation import District
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.books import Counts
from shanhai.quality import scorecard
from shanhai.quality.scorecard import Card, WindowFact
from shanhai.report.balance import total
from shanhai.report.delivery import DeliveryFacts
from shanhai.report.refused import Refused


@dataclass(frozen=True)
class Calendar:
    """The windows of a dataset: days from `first` to `last`, due `due_hours` after their start in `zone`."""

    form: str
    first: date
    last: date
    due_hours: float
    zone: str


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset: what it promises and what came, oldest partition first.

    `contract` and `district` are None when the ledger knows a dataset that is no longer declared.

    Args:
        lake_version: the version of its table that the ledger has come to; None: it has no table.
        calendar: when deliveries are due; None: nobody promised.
        windows: those that are due by now.
        pulled: how many deliveries were pulled, with or without a verdict.
        since: when the first of them was.
        keys: where its table keeps every version of a key: how many keys it has.
        on_disk: whether its sidecars lie below the home, where anybody can count them.
        truths: how many truths across tables rest on it, and how many of them held at the last publication.
    """

    id: DatasetId
    contract: Contract | None
    district: District | None
    deliveries: tuple[DeliveryFacts, ...]
    lake_version: int | None = None
    calendar: Calendar | None = None
    windows: tuple[WindowFact, ...] = ()
    pulled: int = 0
    since: datetime | None = None
    truths: tuple[int, int] = (0, 0)
    keys: int | None = None
    on_disk: bool = True

    @property
    def title(self) -> str:
        return self.contract.title if self.contract else str(self.id)

    @property
    def publisher(self) -> str:
        """The title of the district, or its name where it is no longer declared."""
        return self.district.title if self.district else self.id.district

    @functools.cached_property
    def counts(self) -> Counts:
        return total(delivery.counts for delivery in self.deliveries)

    @functools.cached_property
    def refused(self) -> Refused:
        """What became of its refused rows."""
        return sum((delivery.refused for delivery in self.deliveries), start=Refused())

    @functools.cached_property
    def card(self) -> Card:
        """Its ratios in the scorecard, over all deliveries."""
        held, run = self.truths
        own = (scorecard.of_windows(self.windows, self.since), scorecard.of_truths(held, run))
        return scorecard.merged((*(delivery.card for delivery in self.deliveries), *own))

    @property
    def latest(self) -> DeliveryFacts | None:
        return self.deliveries[-1] if self.deliveries else None
