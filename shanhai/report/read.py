"""Reads what the report says from a node: its books, its check results and its publications."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node
from shanhai.ingest.pending import late
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.records import Validation, last_record
from shanhai.report.data import DatasetFacts, DeliveryFacts, HistoryEntry, ReasonCount, ReportData
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.publications import PUBLICATIONS, publications
from shanhai.warehouse.session import duckdb_session
from shanhai.warehouse.sources import table_path

Fact = TypeVar("Fact", ReasonCount, HistoryEntry)


def read_report(node: Node) -> ReportData:
    """Everything that the pages show, read once; brings the ledger up to date first.

    Raises:
        RetryableError: a table cannot be read.
        ConfigurationError: a contract of the federation is wrong.
    """
    rows = ledger(node)
    reasons = _by_delivery(read_reasons(node))
    history = _by_delivery(read_history(node))
    deliveries: dict[DatasetId, list[DeliveryFacts]] = defaultdict(list)
    for row in rows:
        deliveries[row.delivery.dataset].append(
            DeliveryFacts(
                row=row,
                validation=last_record(node, row.delivery, Validation),
                quarantine=tuple(reasons[row.delivery]),
                history=tuple(history[row.delivery]),
            )
        )
    return ReportData(
        made_at=node.clock(),
        lake="lake",
        versions=_versions(node),
        datasets=tuple(
            DatasetFacts(
                id=dataset,
                contract=node.federation.contracts.get(dataset),
                district=node.federation.districts.get(dataset.district),
                deliveries=tuple(deliveries.get(dataset, ())),
            )
            for dataset in sorted({*node.federation.datasets, *deliveries})
        ),
        publications=tuple(publications(node.settings)),
        late=tuple(late(node)),
    )


def read_reasons(node: Node) -> list[ReasonCount]:
    """Rows in quarantine per delivery and broken rule; never a value of one."""
    rows = _query(
        node,
        node.books(QUARANTINE),
        """
        SELECT delivery, reason, count(*) AS rows
        FROM (SELECT delivery, unnest(reasons) AS reason FROM {table})
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


def _versions(node: Node) -> dict[str, int]:
    paths = {
        LEDGER: node.books(LEDGER),
        QUARANTINE: node.books(QUARANTINE),
        "publications": table_path(node.settings, PUBLICATIONS),
    }
    return {name: LakeTable.open(path).version for name, path in paths.items() if exists(path)}
