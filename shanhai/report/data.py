"""What a report says, as frozen values: read by `shanhai.report.read`, drawn by `shanhai.report.pages`."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shanhai.ids import DatasetId
from shanhai.ingest.books import Counts
from shanhai.ingest.pending import Late
from shanhai.lineage.trace import MartTrace
from shanhai.quality import scorecard
from shanhai.quality.scorecard import Card
from shanhai.report.adopted import AdoptedApplication
from shanhai.report.balance import total
from shanhai.report.dataset import DatasetFacts
from shanhai.report.delivery import DeliveryFacts
from shanhai.report.history import HistoryEntry
from shanhai.report.refused import Refused
from shanhai.warehouse.publications import Publication

VERDICTS = ("accepted", "held", "refused", "withdrawn")


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
        applications: of partners, that are used here; None where the exchange cannot be read.
        left_out: which files are lost or damaged, so that what rests on them is not here.
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
    applications: tuple[AdoptedApplication, ...] | None = ()
    left_out: tuple[str, ...] = ()

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
    def on_disk(self) -> bool:
        """Whether every sidecar lies below the home, where anybody can count them."""
        return all(dataset.on_disk for dataset in self.datasets)

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

    @functools.cached_property
    def refused(self) -> Refused:
        """What became of all refused rows."""
        return sum((dataset.refused for dataset in self.datasets), start=Refused())

    @property
    def unbalanced(self) -> tuple[DeliveryFacts, ...]:
        return tuple(delivery for delivery in self.deliveries if not delivery.counts.balanced)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many deliveries have each verdict, none left out."""
        found: Counter[str] = Counter(delivery.verdict for delivery in self.deliveries)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def well(self) -> bool:
        """Whether all was read, and there is nothing that a person should look into."""
        verdicts = self.verdicts
        return not (self.left_out or self.unbalanced or verdicts["held"] or verdicts["refused"] or self.late)

    @property
    def decisions(self) -> tuple[HistoryEntry, ...]:
        """What people decided, newest first."""
        taken = [entry for delivery in self.deliveries for entry in delivery.history if entry.decided_by]
        return tuple(sorted(taken, key=lambda entry: entry.at, reverse=True))
