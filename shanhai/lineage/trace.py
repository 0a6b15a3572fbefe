"""The way back from a mart to the bytes that were pulled: mart, versions of tables, deliveries, bodies."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shanhai.errors import DamagedError, NotFoundError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.node import Node
from shanhai.ingest.sidecar import BodyRef, Sidecar, sidecars
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.publications import Publication, PublishedMart, publications

SYSTEM = "_system."
"""What the books are called among the tables that a build reads."""


@dataclass(frozen=True)
class DeliveryPart:
    """One delivery inside a version of a table: how many rows of it are there, and the bytes behind them."""

    delivery: DeliveryId
    loaded: int
    bodies: tuple[BodyRef, ...]
    pulled_at: datetime | None


@dataclass(frozen=True)
class TablePart:
    """One version of a lake table, and the deliveries that have rows in it, by partition."""

    dataset: DatasetId
    version: int
    deliveries: tuple[DeliveryPart, ...]

    @property
    def rows(self) -> int:
        """Rows of the version, by the books."""
        return sum(part.loaded for part in self.deliveries)


@dataclass(frozen=True)
class MartTrace:
    """One version of a mart, as a publication names it, and everything that it rests on.

    `books` are the tables of the books among it, which have no snapshot of their own.
    """

    publication: Publication
    mart: PublishedMart
    tables: tuple[TablePart, ...]
    books: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Booking:
    """One commit about a delivery: the Delta version it made, when, and the delivery's own entry."""

    version: int
    at: datetime
    entry: Entry


@dataclass
class Tracer:
    """Looks lineage up in the commits, the sidecars and the publications of one node; reads each once.

    `damaged` gains by dataset why sidecars are left out, where whoever asks `leaves_out` those; else the
    first one is raised.
    """

    node: Node
    leaves_out: bool = False
    damaged: dict[DatasetId, list[DamagedError]] = field(default_factory=dict)
    _books: dict[DatasetId, tuple[Booking, ...]] = field(default_factory=dict)
    _sidecars: dict[DatasetId, Mapping[str, Sidecar]] = field(default_factory=dict)

    @functools.cached_property
    def publications(self) -> tuple[Publication, ...]:
        """Every publication, oldest first."""
        return tuple(publications(self.node.settings))

    def bookings(self, dataset: DatasetId) -> tuple[Booking, ...]:
        """Every entry of a dataset's books, oldest first.

        Raises:
            StoreError: the table cannot be read.
        """
        if dataset not in self._books:
            path = self.node.table(dataset)
            commits = LakeTable.open(path).commits() if exists(path) else []
            self._books[dataset] = tuple(
                Booking(commit.version, commit.at, Entry.model_validate(line))
                for commit in commits
                for line in commit.facts.get("entries", ())
            )
        return self._books[dataset]

    def sidecars(self, dataset: DatasetId) -> Mapping[str, Sidecar]:
        """The sidecars of a dataset, by delivery.

        Raises:
            DamagedError: one is damaged, and is not left out.
        """
        if dataset not in self._sidecars:
            damaged: list[DamagedError] | None = [] if self.leaves_out else None
            self._sidecars[dataset] = {one.delivery: one for one in sidecars(self.node, dataset, damaged)}
            if damaged:
                self.damaged[dataset] = damaged
        return self._sidecars[dataset]

    def table(self, dataset: DatasetId, version: int | None = None) -> TablePart:
        """The deliveries that have rows in a version of a table, by default the newest.

        Raises:
            StoreError: the table cannot be read.
        """
        loaded: dict[str, int] = defaultdict(int)
        reached = 0
        for booking in self.bookings(dataset):
            if version is None or booking.version <= version:
                loaded[booking.entry.delivery] += booking.entry.loaded
                reached = booking.version
        known = self.sidecars(dataset)
        parts = [_part(delivery, rows, known.get(delivery)) for delivery, rows in loaded.items() if rows]
        parts.sort(key=lambda part: (part.delivery.partition, part.pulled_at is None, part.pulled_at))
        return TablePart(dataset, reached if version is None else version, tuple(parts))

    def mart(self, name: str, number: int | None = None) -> MartTrace:
        """A mart as a publication names it, by default the newest one.

        Raises:
            NotFoundError: no publication of that number names such a mart.
            StoreError: a table cannot be read.
        """
        for publication in reversed(self.publications):
            if number in (None, publication.number):
                for mart in publication.marts:
                    if mart.name == name:
                        return self._trace(publication, mart)
        known = sorted({mart.name for publication in self.publications for mart in publication.marts})
        raise NotFoundError("no such mart is published", given=name, allowed=known or "nothing is published")

    def uses(self, delivery: DeliveryId) -> list[tuple[Publication, str]]:
        """The publications and marts that read a table while it had rows of the delivery, oldest first."""
        found = []
        for publication in self.publications:
            versions = dict(publication.sources)
            version = versions.get(str(delivery.dataset))
            if version is None or not self._holds(delivery, version):
                continue
            found += [
                (publication, mart.name)
                for mart in publication.marts
                if str(delivery.dataset) in dict(publication.sources_of(mart.name))
            ]
        return found

    def _trace(self, publication: Publication, mart: PublishedMart) -> MartTrace:
        sources = publication.sources_of(mart.name)
        return MartTrace(
            publication,
            mart,
            tuple(
                self.table(DatasetId.parse(table), version)
                for table, version in sources
                if not table.startswith(SYSTEM)
            ),
            tuple(source for source in sources if source[0].startswith(SYSTEM)),
        )

    def _holds(self, delivery: DeliveryId, version: int) -> bool:
        return (
            sum(
                booking.entry.loaded
                for booking in self.bookings(delivery.dataset)
                if booking.version <= version and booking.entry.delivery == str(delivery)
            )
            > 0
        )


def _part(delivery: str, loaded: int, known: Sidecar | None) -> DeliveryPart:
    bodies, pulled_at = (known.bodies, known.pulled_at) if known else ((), None)
    return DeliveryPart(DeliveryId.parse(delivery), loaded, bodies, pulled_at)
