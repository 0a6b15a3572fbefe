"""Reads what the report says from a node: its books, its check results and its publications."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import windows
from shanhai.contracts.schema import DELIVERY
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import LedgerRow, ledger, ledger_as_it_is
from shanhai.ingest.node import Node
from shanhai.ingest.pending import late
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.records import Staging, Validation, read_record
from shanhai.ingest.sidecar import Sidecar
from shanhai.lineage.files import keep_lineage
from shanhai.lineage.trace import Tracer
from shanhai.quality.scorecard import WindowFact
from shanhai.report.data import ReportData
from shanhai.report.dataset import Calendar, DatasetFacts
from shanhai.report.delivery import DeliveryFacts, HistoryEntry, ReasonCount
from shanhai.report.differences import Progress
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

Fact = TypeVar("Fact", ReasonCount, HistoryEntry)


def read_report(
    node: Node,
    *,
    made_at: datetime | None = None,
    as_it_is: bool = False,
    progress: Progress = lambda *_: None,
) -> ReportData:
    """Everything that the pages show, read once; brings the ledger and the lineage up to date first.

    Args:
        made_at: for which moment; by default now.
        as_it_is: leave the home alone, and read the ledger as it stands.

    Raises:
        RetryableError: a table cannot be read.
        ConfigurationError: a contract of the federation is wrong.
    """
    made_at = made_at or node.clock()
    rows = ledger_as_it_is(node) if as_it_is else ledger(node)
    tracer = Tracer(node)
    if not as_it_is:
        keep_lineage(node, tracer)
    reasons = _by_delivery(read_reasons(node))
    history = _by_delivery(read_history(node))
    by_dataset: dict[DatasetId, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        by_dataset[row.delivery.dataset].append(row)
    known = publications(node.settings)
    truths = next((one for one in reversed(known) if one.truths), None)
    datasets = []
    names = sorted({*node.federation.datasets, *by_dataset})
    for done, dataset in enumerate(names, start=1):
        progress("datasets", done, len(names))
        facts = _Reading(node, dataset, made_at, tracer, truths)
        datasets.append(facts.dataset(by_dataset[dataset], reasons, history))
    newest = known[-1].marts if known else ()
    return ReportData(
        made_at=made_at,
        lake="lake",
        versions=read_versions(node),
        datasets=tuple(datasets),
        publications=tuple(known),
        late=tuple(late(replace(node, clock=lambda: made_at))),
        traces=tuple(tracer.mart(mart.name) for mart in newest),
        columns=_columns(node, newest),
        truths=truths,
    )


@dataclass(frozen=True)
class _Reading:
    """What is read about one dataset, and with what."""

    node: Node
    id: DatasetId
    made_at: datetime
    tracer: Tracer
    truths: Publication | None

    def dataset(
        self,
        rows: list[LedgerRow],
        reasons: Mapping[DeliveryId, list[ReasonCount]],
        history: Mapping[DeliveryId, list[HistoryEntry]],
    ) -> DatasetFacts:
        contract = self.node.federation.contracts.get(self.id)
        pulled = [one for one in self._sidecars.values() if one.pulled_at <= self.made_at]
        versions = [entry.table_version for row in rows for entry in history[row.delivery]]
        version = max(versions) if versions and exists(self.node.table(self.id)) else None
        held = self._in_lake(version)
        calendar = _calendar(contract, self.made_at) if self._on_disk() or not pulled else None
        return DatasetFacts(
            id=self.id,
            contract=contract,
            district=self.node.federation.districts.get(self.id.district),
            deliveries=tuple(
                self._delivery(row, contract, held.get(str(row.delivery), 0), reasons, history)
                for row in rows
            ),
            lake_version=version,
            calendar=calendar,
            windows=_windows(contract, calendar, pulled, self.made_at),
            pulled=len(pulled),
            since=min((one.pulled_at for one in pulled), default=None),
            truths=self._truths(),
            on_disk=self._on_disk() or not pulled,
        )

    def _on_disk(self) -> bool:
        """Whether anybody can count windows in the home; sidecars in a bucket are not below it."""
        folder = self.node.home / "snapshots" / "deliveries" / self.id.district / self.id.name
        return folder.is_dir()

    @property
    def _sidecars(self) -> Mapping[str, Sidecar]:
        return self.tracer.sidecars(self.id)

    def _delivery(
        self,
        row: LedgerRow,
        contract: Contract | None,
        in_lake: int,
        reasons: Mapping[DeliveryId, list[ReasonCount]],
        history: Mapping[DeliveryId, list[HistoryEntry]],
    ) -> DeliveryFacts:
        source = self._sidecars.get(str(row.delivery))
        return DeliveryFacts(
            row=row,
            validation=read_record(self.node, row.delivery, row.staging, Validation),
            quarantine=tuple(reasons[row.delivery]),
            history=tuple(history[row.delivery]),
            staging=read_record(self.node, row.delivery, row.staging, Staging),
            source=source,
            in_lake=in_lake,
            day=_day(contract, row.delivery, source),
        )

    def _in_lake(self, version: int | None) -> dict[str, int]:
        """Rows of the table by delivery, counted in its files."""
        if version is None:
            return {}
        path = self.node.table(self.id)
        relation = delta.relation(open_version(path, version), path)
        with duckdb_session(self.node.settings) as con:
            return dict(con.execute(f"SELECT {DELIVERY}, count(*) FROM {relation} GROUP BY 1").fetchall())

    def _truths(self) -> tuple[int, int]:
        run = [one for one in (self.truths.truths if self.truths else ()) if str(self.id) in one.reads]
        return sum(one.holds for one in run), len(run)


def _calendar(contract: Contract | None, now: datetime) -> Calendar | None:
    schedule = contract.schedule if contract else None
    if contract is None or schedule is None or None in (schedule.cron, schedule.start, schedule.due_hours):
        return None
    end = (
        date.fromisoformat(schedule.end)
        if schedule.end
        else now.astimezone(ZoneInfo(contract.time_zone)).date()
    )
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
        key: datetime.strptime(key, calendar.form).replace(tzinfo=zone) + wait
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
            return datetime.strptime(str(key), form).replace(tzinfo=UTC).date()
    return source.pulled_at.astimezone(ZoneInfo(zone)).date() if source else None


def _columns(node: Node, marts: Iterable[PublishedMart]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Name and type of each column of the marts, as DuckDB reads them."""
    found = {}
    with duckdb_session(node.settings) as con:
        for mart in marts:
            described = con.execute(f"DESCRIBE FROM {mart_relation(node.settings, mart)}").fetchall()
            found[mart.name] = tuple((str(name), str(kind)) for name, kind, *_ in described)
    return found


def read_reasons(node: Node) -> list[ReasonCount]:
    """Rows in quarantine per delivery and broken rule; never a value of one."""
    rows = _query(
        node,
        node.books(QUARANTINE),
        """
        SELECT delivery, reason, count(*) AS rows
        FROM (SELECT delivery, unnest(reasons) AS reason FROM {table} WHERE NOT released)
        GROUP BY delivery, reason ORDER BY delivery, rows DESC, reason
        """,
    )
    return [ReasonCount(DeliveryId.parse(row["delivery"]), row["reason"], row["rows"]) for row in rows]


def read_history(node: Node, delivery: DeliveryId | None = None) -> list[HistoryEntry]:
    """The entries of the ledger, oldest first: all of them, or those about one delivery."""
    rows = _query(
        node,
        node.books(LEDGER),
        """
        SELECT * FROM {table} WHERE $1 IN ('', delivery)
        ORDER BY district, dataset, table_version, entry
        """,
        str(delivery or ""),
    )
    return [
        HistoryEntry(
            delivery=DeliveryId.parse(row["delivery"]),
            counts=Counts(**{name: row[name] for name in Counts.names()}),
            number=row["entry"],
            **{name: row[name] for name in _AS_THEY_ARE},
        )
        for row in rows
    ]


_AS_THEY_ARE = ("kind", "verdict", "reason", "decided_by", "cause", "contract_version", "table_version", "at")


def _query(node: Node, path: Path, sql: str, *parameters: str) -> list[dict[str, Any]]:
    if not exists(path):
        return []
    with duckdb_session(node.settings) as con:
        found = con.execute(sql.format(table=LakeTable.open(path).relation()), list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _by_delivery(facts: Iterable[Fact]) -> Mapping[DeliveryId, list[Fact]]:
    found: dict[DeliveryId, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.delivery].append(fact)
    return found


def read_versions(node: Node) -> dict[str, int]:
    """The newest version of each table of the books that there is."""
    paths = {
        LEDGER: node.books(LEDGER),
        QUARANTINE: node.books(QUARANTINE),
        "publications": table_path(node.settings, PUBLICATIONS),
    }
    return {name: LakeTable.open(path).version for name, path in paths.items() if exists(path)}
