"""What a report says, as frozen values: read by `shanhai.report.read`, drawn by `shanhai.report.pages`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shanhai.contracts.federation import District
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow
from shanhai.ingest.pending import Late
from shanhai.ingest.records import FindingRecord, ReasonRecord, Staging, State, Validation
from shanhai.ingest.sidecar import Sidecar
from shanhai.lineage.trace import MartTrace
from shanhai.quality import scorecard
from shanhai.quality.scorecard import Card, DeliveryFact, RuleFact, WindowFact
from shanhai.warehouse.publications import Publication

PARTS = ("loaded", "quarantined", "duplicates", "superseded", "withheld")
VERDICTS = ("accepted", "held", "refused", "withdrawn")
MALFORMED = "malformed."
"""How the reasons of rows begin that are no record."""


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
    number: int = 0


@dataclass(frozen=True)
class Drift:
    """What of a delivery is not as promised or usual: headings missing or new, implausible figures."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    findings: tuple[FindingRecord, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.findings)


@dataclass(frozen=True)
class Calendar:
    """The windows of a dataset: days from `first` to `last`, due `due_hours` after their start in `zone`."""

    form: str
    first: date
    last: date
    due_hours: float
    zone: str


@dataclass(frozen=True)
class DeliveryFacts:
    """One delivery, net of all its entries.

    `in_lake` are the rows that the table holds of it, counted there. `day` is that of its window, or the day
    on which it was pulled.
    """

    row: LedgerRow
    validation: Validation | None = None
    quarantine: tuple[ReasonCount, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
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
        return sum(count.rows for count in self.quarantine if count.reason.startswith(MALFORMED))

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
                headings=len(staging.filled) if staging else 0,
                missing=len(staging.missing) if staging else 0,
                rules=tuple(
                    RuleFact(check.dimension, check.unexpected, check.total)
                    for check in (self.validation.checks if self.validation else ())
                ),
            )
        )

    @property
    def drift(self) -> Drift:
        """How it differs from what was promised or is usual."""
        return Drift(
            self.staging.missing if self.staging else (),
            self.staging.unknown if self.staging else (),
            self.validation.findings if self.validation else (),
        )


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
    def card(self) -> Card:
        """Its ratios in the scorecard, over all deliveries."""
        held, run = self.truths
        own = (scorecard.of_windows(self.windows, self.since), scorecard.of_truths(held, run))
        return scorecard.merged((*(delivery.card for delivery in self.deliveries), *own))

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
        traces: what the marts of the newest publication rest on.
        columns: by mart of the newest publication, name and DuckDB type of each column.
        truths: the newest publication of which the truths across tables are known.
    """

    made_at: datetime
    lake: str
    versions: Mapping[str, int]
    datasets: tuple[DatasetFacts, ...]
    publications: tuple[Publication, ...] = ()
    late: tuple[Late, ...] = ()
    traces: tuple[MartTrace, ...] = ()
    columns: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    truths: Publication | None = None

    def dataset(self, dataset: DatasetId) -> DatasetFacts:
        """One dataset.

        Raises:
            KeyError: the report has none of that name.
        """
        return self._by_id[dataset]

    @functools.cached_property
    def _by_id(self) -> dict[DatasetId, DatasetFacts]:
        return {dataset.id: dataset for dataset in self.datasets}

    @functools.cached_property
    def card(self) -> Card:
        """The ratios of everything."""
        return scorecard.merged(dataset.card for dataset in self.datasets)

    @functools.cached_property
    def by_district(self) -> Mapping[str, tuple[DatasetFacts, ...]]:
        """The datasets of each district, in order."""
        found: dict[str, tuple[DatasetFacts, ...]] = {}
        for dataset in self.datasets:
            found[dataset.id.district] = (*found.get(dataset.id.district, ()), dataset)
        return found

    @property
    def drifted(self) -> tuple[tuple[DatasetFacts, DeliveryFacts], ...]:
        """Deliveries that were not as promised or usual, or were held or refused, the newest day first."""
        found = [
            (dataset, delivery)
            for dataset in self.datasets
            for delivery in dataset.deliveries
            if delivery.drift or any(entry.kind in ("hold", "refuse") for entry in delivery.history)
        ]
        return tuple(sorted(found, key=lambda pair: pair[1].day or date.min, reverse=True))

    @property
    def districts(self) -> tuple[str, ...]:
        """The titles of the districts whose datasets these are, each once."""
        return tuple(dict.fromkeys(dataset.publisher for dataset in self.datasets))

    @functools.cached_property
    def deliveries(self) -> tuple[DeliveryFacts, ...]:
        return tuple(delivery for dataset in self.datasets for delivery in dataset.deliveries)

    @functools.cached_property
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


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of all."""
    return sum(counts, start=Counts())


def difference(counts: Counts) -> int:
    """Rows that came in and are not accounted for; 0 when the balance holds."""
    return counts.rows_in - sum(int(getattr(counts, part)) for part in PARTS)


def bad_share(counts: Counts) -> float:
    """Quarantined rows as a share of the rows that came in, 0 to 1."""
    return counts.quarantined / counts.rows_in if counts.rows_in else 0.0


def reasons(deliveries: Iterable[DeliveryFacts]) -> tuple[tuple[str, int], ...]:
    """Rows in quarantine by the rule that they broke, most first."""
    counted: Counter[str] = Counter()
    for delivery in deliveries:
        for count in delivery.quarantine:
            counted[count.reason] += count.rows
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
