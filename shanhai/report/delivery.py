"""What a report says of one delivery, net of all its entries."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import date

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow
from shanhai.ingest.records import FindingRecord, ReasonRecord, Staging, State, Validation
from shanhai.ingest.sidecar import Sidecar
from shanhai.quality import scorecard
from shanhai.quality.difference import Difference
from shanhai.quality.scorecard import Card, DeliveryFact, RuleFact
from shanhai.report.history import HistoryEntry, Rejudged
from shanhai.report.refused import ReasonCount, Refused

MALFORMED = "malformed."
"""How the reasons of rows begin that are no record."""


@dataclass(frozen=True)
class Drift:
    """What of a delivery is not as promised or usual; headings are told where no difference explains them."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    findings: tuple[FindingRecord, ...]
    differences: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.findings or self.differences)


@dataclass(frozen=True)
class DeliveryFacts:
    """One delivery, net of all its entries.

    `refused` are its rows in quarantine by state, `quarantine` the same by rule. `rejudged` are its
    judgements after the first one. `in_lake` are the rows that the table holds of it, counted there. `day` is
    that of its window, or the day on which it was pulled.
    """

    row: LedgerRow
    validation: Validation | None = None
    refused: Refused = field(default_factory=Refused)
    quarantine: tuple[ReasonCount, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    rejudged: tuple[Rejudged, ...] = ()
    staging: Staging | None = None
    source: Sidecar | None = None
    in_lake: int = 0
    day: date | None = None

    @property
    def id(self) -> DeliveryId:
        return self.row.delivery

    @property
    def counts(self) -> Counts:
        return self.row.counts

    @property
    def verdict(self) -> State:
        return self.row.verdict

    @property
    def table_version(self) -> int | None:
        """The Delta version of the dataset's table that holds the last decision about it."""
        return max((entry.table_version for entry in self.history), default=None)

    @property
    def why(self) -> tuple[ReasonRecord, ...]:
        """The reasons of the gate, to be worded; empty where a record has only their text."""
        return self.validation.why if self.validation else ()

    @property
    def malformed(self) -> int:
        """Rows that are no record; each is refused for one reason."""
        return sum(count.refused.rows for count in self.quarantine if count.reason.startswith(MALFORMED))

    @functools.cached_property
    def card(self) -> Card:
        """Its ratios in the scorecard."""
        staging, counts = self.staging, self.counts
        return scorecard.of_delivery(
            DeliveryFact(
                rows_in=counts.rows_in,
                loaded=counts.loaded,
                duplicates=counts.duplicates,
                withheld=counts.withheld,
                malformed=self.malformed,
                in_lake=self.in_lake,
                readable=None if staging is None else staging.unreadable is None,
                headings=len(staging.filled) - len(staging.not_yet) if staging else 0,
                missing=len(staging.missing) if staging else 0,
                rules=tuple(
                    RuleFact(check.dimension, check.unexpected, check.total)
                    for check in (self.validation.checks if self.validation else ())
                ),
            )
        )

    @property
    def not_yet(self) -> tuple[str, ...]:
        """Headings of columns that came later, of which it has none or no value."""
        return self.staging.not_yet if self.staging else ()

    @property
    def drift(self) -> Drift:
        """How it differs from what was promised or is usual."""
        return Drift(
            self.staging.missing if self.staging else (),
            self.staging.unknown if self.staging else (),
            self.validation.findings if self.validation else (),
            self.validation.differences if self.validation else (),
        )
