"""Reads what the report says from a node: its books, its check results and its publications."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import windows
from shanhai.contracts.schema import DELIVERY
from shanhai.contracts.sql import quote_identifier
from shanhai.contracts.validity import has_history
from shanhai.contracts.window_keys import first_day
from shanhai.errors import ShanhaiError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Entry
from shanhai.ingest.ledger import LedgerRow, ledger_as_it_is
from shanhai.ingest.node import Node
from shanhai.ingest.pending import late
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.reconcile import reconcile, reconcile_for_build
from shanhai.ingest.records import Staging, Validation, read_record
from shanhai.ingest.sidecar import Sidecar
from shanhai.lineage.files import keep_lineage
from shanhai.lineage.trace import Tracer
from shanhai.quality.scorecard import WindowFact
from shanhai.report.adopted import read_adopted
from shanhai.report.data import ReportData
from shanhai.report.dataset import Calendar, DatasetFacts
from shanhai.report.delivery import DeliveryFacts
from shanhai.report.differences import Progress
from shanhai.report.history import HistoryEntry, rejudged, with_waivers
from shanhai.report.read_books import by_delivery, read_history, read_reasons, read_refused
from shanhai.report.refused import ReasonCount, Refused
from shanhai.warehouse import pins as delta
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.publications import (
    PUBLICATIONS,
    Publication,
    PublishedMart,
    mart_relation,
    publications,
)
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import open_version, table_path


def read_report(
    node: Node,
    *,
    made_at: datetime | None = None,
    as_it_is: bool = False,
    progress: Progress = lambda *_: None,
    left_out: list[ShanhaiError] | None = None,
) -> ReportData:
    """Everything that the pages show, read once; brings the ledger and the lineage up to date first.

    Args:
        made_at: for which moment; by default now.
        as_it_is: leave the home alone, and read the ledger as it stands.
        left_out: gains why refused rows or sidecars are not in it; None: the first of that is raised.

    Raises:
        DamagedError: a file of the home is lost or damaged.
        RetryableError: a table cannot be read.
        ConfigurationError: a contract of the federation is wrong.
    """
    made_at = made_at or node.clock()
    if not as_it_is and left_out is None:
        reconcile(node)
    elif left_out is not None:
        left_out += reconcile_for_build(node)
    rows = ledger_as_it_is(node)
    tracer = Tracer(node, leaves_out=left_out is not None)
    if not as_it_is:
        keep_lineage(node, tracer)
    told = _Told(read_refused(node), by_delivery(read_reasons(node)), by_delivery(read_history(node)))
    by_dataset: dict[DatasetId, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        by_dataset[row.delivery.dataset].append(row)
    known = publications(node.settings)
    truths = next((one for one in reversed(known) if one.truths), None)
    datasets = []
    names = sorted({*node.federation.datasets, *by_dataset})
    for done, dataset in enumerate(names, start=1):
        progress("datasets", done, len(names))
        facts = _Reading(node, dataset, made_at, tracer, truths, told)
        datasets.append(facts.dataset(by_dataset[dataset]))
    if left_out is not None:
        left_out += (one for found in tracer.damaged.values() for one in found)
    newest = known[-1].marts if known else ()
    return ReportData(
        made_at=made_at,
        lake="lake",
        versions=read_versions(node),
        datasets=tuple(datasets),
        publications=tuple(known),
        late=tuple(late(replace(node, clock=lambda: made_at), None if left_out is None else {})),
        traces=tuple(tracer.mart(mart.name) for mart in newest),
        columns=_columns(node, newest),
        truths=truths,
        applications=read_adopted(node.home),
        left_out=tuple(dict.fromkeys(_named(node, error) for error in left_out or ())),
    )


def _named(node: Node, error: ShanhaiError) -> str:
    """What is damaged and its file, from the home: pages are read elsewhere."""
    return f"{error.message}: {error.given}".replace(f"{node.home}/", "")


@dataclass(frozen=True)
class _Told:
    """What the books tell of each delivery."""

    refused: Mapping[DeliveryId, Refused]
    reasons: Mapping[DeliveryId, list[ReasonCount]]
    history: Mapping[DeliveryId, list[HistoryEntry]]


@dataclass(frozen=True)
class _Reading:
    """What is read about one dataset, and with what."""

    node: Node
    id: DatasetId
    made_at: datetime
    tracer: Tracer
    truths: Publication | None
    told: _Told

    def dataset(self, rows: list[LedgerRow]) -> DatasetFacts:
        contract = self.node.federation.contracts.get(self.id)
        pulled = [one for one in self._sidecars.values() if one.pulled_at <= self.made_at]
        versions = [entry.table_version for row in rows for entry in self.told.history[row.delivery]]
        version = max(versions) if versions and exists(self.node.table(self.id)) else None
        held = self._in_lake(version)
        # Whether a window came is told by its sidecar: where one cannot be read, no window is called late.
        told = self.id not in self.tracer.damaged and (self._on_disk() or not pulled)
        calendar = _calendar(contract, self.made_at) if told else None
        return DatasetFacts(
            id=self.id,
            contract=contract,
            district=self.node.federation.districts.get(self.id.district),
            deliveries=tuple(self._delivery(row, contract, held.get(str(row.delivery), 0)) for row in rows),
            lake_version=version,
            calendar=calendar,
            windows=_windows(contract, calendar, pulled, self.made_at),
            pulled=len(pulled),
            since=min((one.pulled_at for one in pulled), default=None),
            truths=self._truths(),
            keys=self._keys(contract, version),
            on_disk=self._on_disk() or not pulled,
        )

    def _on_disk(self) -> bool:
        """Whether anybody can count windows in the home; sidecars in a bucket are not below it."""
        folder = self.node.home / "snapshots" / "deliveries" / self.id.district / self.id.name
        return folder.is_dir()

    @property
    def _sidecars(self) -> Mapping[str, Sidecar]:
        return self.tracer.sidecars(self.id)

    def _delivery(self, row: LedgerRow, contract: Contract | None, in_lake: int) -> DeliveryFacts:
        source = self._sidecars.get(str(row.delivery))
        history = tuple(with_waivers(self.told.history[row.delivery], self._commits[str(row.delivery)]))
        checked = self._checked(row, history)
        return DeliveryFacts(
            row=row,
            validation=checked.get(row.staging),
            refused=self.told.refused[row.delivery],
            quarantine=tuple(self.told.reasons[row.delivery]),
            history=history,
            rejudged=rejudged(history, checked),
            staging=read_record(self.node, row.delivery, row.staging, Staging),
            source=source,
            in_lake=in_lake,
            day=_day(contract, row.delivery, source),
        )

    def _checked(self, row: LedgerRow, history: Iterable[HistoryEntry]) -> dict[str, Validation]:
        """The records of the checks of a delivery that are kept, by staging."""
        stagings = {row.staging, *(entry.staging for entry in history if entry.staging)}
        found = ((one, read_record(self.node, row.delivery, one, Validation)) for one in stagings)
        return {staging: record for staging, record in found if record is not None}

    @functools.cached_property
    def _commits(self) -> Mapping[str, Mapping[tuple[int, int], Entry]]:
        """The entries in the commits of the table, by delivery, version and place in the commit."""
        found: dict[str, dict[tuple[int, int], Entry]] = defaultdict(dict)
        places: Counter[int] = Counter()
        for one in self.tracer.bookings(self.id):
            found[one.entry.delivery][one.version, places[one.version]] = one.entry
            places[one.version] += 1
        return found

    def _in_lake(self, version: int | None) -> dict[str, int]:
        """Rows of the table by delivery, counted in its files."""
        if version is None:
            return {}
        path = self.node.table(self.id)
        relation = delta.relation(open_version(path, version), path)
        with duckdb_session(self.node.settings) as con:
            return dict(con.execute(f"SELECT {DELIVERY}, count(*) FROM {relation} GROUP BY 1").fetchall())

    def _keys(self, contract: Contract | None, version: int | None) -> int | None:
        """The keys of a table that keeps every version of them."""
        if contract is None or version is None or not has_history(contract):
            return None
        path, key = self.node.table(self.id), ", ".join(map(quote_identifier, contract.key))
        relation = delta.relation(open_version(path, version), path)
        with duckdb_session(self.node.settings) as con:
            (keys,) = con.execute(f"SELECT count(DISTINCT ({key})) FROM {relation}").fetchone() or (0,)
        return int(keys)

    def _truths(self) -> tuple[int, int]:
        run = [one for one in (self.truths.truths if self.truths else ()) if str(self.id) in one.reads]
        return sum(one.holds for one in run), len(run)


def _calendar(contract: Contract | None, now: datetime) -> Calendar | None:
    schedule = contract.schedule if contract else None
    if contract is None or schedule is None or None in (schedule.cron, schedule.start, schedule.due_hours):
        return None
    today = now.astimezone(ZoneInfo(contract.time_zone)).date()
    end = min(date.fromisoformat(schedule.end), today) if schedule.end else today
    return Calendar(
        form=schedule.window,
        first=date.fromisoformat(schedule.start or ""),
        last=end,
        due_hours=schedule.due_hours or 0,
        zone=contract.time_zone,
    )


def _windows(
    contract: Contract | None, calendar: Calendar | None, pulled: list[Sidecar], now: datetime
) -> tuple[WindowFact, ...]:
    if contract is None or calendar is None:
        return ()
    came: dict[str, datetime] = {}
    for source in pulled:
        for key in {source.window, source.id.partition} - {None}:
            came[str(key)] = min(source.pulled_at, came.get(str(key), source.pulled_at))
    zone, wait = ZoneInfo(calendar.zone), timedelta(hours=calendar.due_hours)
    due = {
        key: datetime.combine(first_day(calendar.form, key), time.min, zone) + wait
        for key in windows(contract, until=calendar.last)
    }
    return tuple(
        WindowFact((moment - wait).date(), moment, came.get(key))
        for key, moment in due.items()
        if moment <= now
    )


def _day(contract: Contract | None, delivery: DeliveryId, source: Sidecar | None) -> date | None:
    """The day of a delivery's window, else the day on which it was pulled, in the contract's zone."""
    zone = contract.time_zone if contract else "UTC"
    for key in (source.window if source else None, delivery.partition):
        with contextlib.suppress(ValueError, TypeError):
            form = contract.schedule.window if contract else "%Y-%m-%d"
            return first_day(form, str(key))
    return source.pulled_at.astimezone(ZoneInfo(zone)).date() if source else None


def _columns(node: Node, marts: Iterable[PublishedMart]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Name and type of each column of the marts, as DuckDB reads them."""
    found = {}
    with duckdb_session(node.settings) as con:
        for mart in marts:
            described = con.execute(f"DESCRIBE FROM {mart_relation(node.settings, mart)}").fetchall()
            found[mart.name] = tuple((str(name), str(kind)) for name, kind, *_ in described)
    return found


def read_versions(node: Node) -> dict[str, int]:
    """The newest version of each table of the books that there is."""
    paths = {
        LEDGER: node.books(LEDGER),
        QUARANTINE: node.books(QUARANTINE),
        "publications": table_path(node.settings, PUBLICATIONS),
    }
    return {name: LakeTable.open(path).version for name, path in paths.items() if exists(path)}
