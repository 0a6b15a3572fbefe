"""What a report says, as frozen values: read by `shanhai.report.read`, drawn by `shanhai.report.pages`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from shanhai.contracts.federation import District
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow
from shanhai.ingest.pending import Late
from shanhai.ingest.records import State, Validation
from shanhai.warehouse.publications import Publication

PARTS = ("loaded", "quarantined", "duplicates", "superseded", "withheld")
VERDICTS = ("accepted", "held", "refused", "withdrawn")
DIMENSIONS = ("conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")


@dataclass(frozen=True)
class ReasonCount:
    """How many quarantined rows of a delivery broke one rule."""

    delivery: DeliveryId
    reason: str
    rows: int


@dataclass(frozen=True)
class HistoryEntry:
    """One entry of the ledger about a delivery: what was done, by whom and why; counts are differences.

    `cause` is the delivery whose arrival or withdrawal changed this one, empty when it is its own entry.
    """

    delivery: DeliveryId
    kind: str
    verdict: str
    counts: Counts
    reason: str
    decided_by: str
    cause: str
    contract_version: str
    table_version: int
    at: datetime


@dataclass(frozen=True)
class DeliveryFacts:
    """One delivery, net of all its entries."""

    row: LedgerRow
    validation: Validation | None = None
    quarantine: tuple[ReasonCount, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

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


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset: what it promises and what came, oldest partition first.

    `contract` and `district` are None when the ledger knows a dataset that is no longer declared.
    """

    id: DatasetId
    contract: Contract | None
    district: District | None
    deliveries: tuple[DeliveryFacts, ...]

    @property
    def title(self) -> str:
        return self.contract.title if self.contract else str(self.id)

    @property
    def publisher(self) -> str:
        """The title of the district, or its name where it is no longer declared."""
        return self.district.title if self.district else self.id.district

    @property
    def counts(self) -> Counts:
        return total(delivery.counts for delivery in self.deliveries)

    @property
    def latest(self) -> DeliveryFacts | None:
        return self.deliveries[-1] if self.deliveries else None


@dataclass(frozen=True)
class ReportData:
    """Everything that the pages show.

    Args:
        made_at: when the numbers were read.
        lake: the folder of the lake, as the SQL on the pages names it, from the home.
        versions: the Delta version of each system table that was read; absent tables are left out.
        publications: oldest first.
        late: windows for which nothing has come by the time that their contract promises.
    """

    made_at: datetime
    lake: str
    versions: Mapping[str, int]
    datasets: tuple[DatasetFacts, ...]
    publications: tuple[Publication, ...] = ()
    late: tuple[Late, ...] = ()

    @property
    def districts(self) -> tuple[str, ...]:
        """The titles of the districts whose datasets these are, each once."""
        return tuple(dict.fromkeys(dataset.publisher for dataset in self.datasets))

    @property
    def deliveries(self) -> tuple[DeliveryFacts, ...]:
        return tuple(delivery for dataset in self.datasets for delivery in dataset.deliveries)

    @property
    def counts(self) -> Counts:
        return total(delivery.counts for delivery in self.deliveries)

    @property
    def unbalanced(self) -> tuple[DeliveryFacts, ...]:
        return tuple(delivery for delivery in self.deliveries if not delivery.counts.balanced)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many deliveries have each verdict, none left out."""
        found: Counter[str] = Counter(delivery.verdict for delivery in self.deliveries)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def decisions(self) -> tuple[HistoryEntry, ...]:
        """What people decided, newest first."""
        taken = [entry for delivery in self.deliveries for entry in delivery.history if entry.decided_by]
        return tuple(sorted(taken, key=lambda entry: entry.at, reverse=True))


@dataclass(frozen=True)
class Quality:
    """One dimension over many checks: the share of values that are as expected, as A of B."""

    dimension: str
    good: int
    total: int

    @property
    def share(self) -> float:
        return self.good / self.total if self.total else 1.0


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of all."""
    return sum(counts, start=Counts())


def difference(counts: Counts) -> int:
    """Rows that came in and are not accounted for; 0 when the balance holds."""
    return counts.rows_in - sum(int(getattr(counts, part)) for part in PARTS)


def bad_share(counts: Counts) -> float:
    """Quarantined rows as a share of the rows that came in, 0 to 1."""
    return counts.quarantined / counts.rows_in if counts.rows_in else 0.0


def quality(deliveries: Iterable[DeliveryFacts]) -> tuple[Quality, ...]:
    """Per dimension that was checked, A/B over all checks of all deliveries, in the order of the standard."""
    good: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for delivery in deliveries:
        for check in delivery.validation.checks if delivery.validation else ():
            good[check.dimension] += check.total - check.unexpected
            whole[check.dimension] += check.total
    known = [dimension for dimension in DIMENSIONS if dimension in whole]
    other = sorted(whole.keys() - set(DIMENSIONS))
    return tuple(Quality(dimension, good[dimension], whole[dimension]) for dimension in (*known, *other))


def reasons(deliveries: Iterable[DeliveryFacts]) -> tuple[tuple[str, int], ...]:
    """Rows in quarantine by the rule that they broke, most first."""
    counted: Counter[str] = Counter()
    for delivery in deliveries:
        for count in delivery.quarantine:
            counted[count.reason] += count.rows
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
