"""Reads the books as they are: refused rows by state and the entries of the ledger, by delivery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts
from shanhai.ingest.node import Node
from shanhai.ingest.projections import LEDGER, QUARANTINE
from shanhai.ingest.quarantine import REFUSED
from shanhai.report.history import HistoryEntry
from shanhai.report.refused import ReasonCount, Refused
from shanhai.warehouse.damage import told_if_damaged
from shanhai.warehouse.lake import LakeTable, exists
from shanhai.warehouse.session import duckdb_session

Fact = TypeVar("Fact", ReasonCount, HistoryEntry)

_AS_THEY_ARE = (
    "kind",
    "verdict",
    "reason",
    "decided_by",
    "cause",
    "contract_version",
    "table_version",
    "at",
    "staging",
)


def read_refused(node: Node) -> dict[DeliveryId, Refused]:
    """Rows in quarantine by delivery and state; never a value of one."""
    found: dict[DeliveryId, Refused] = defaultdict(Refused)
    rows = _refused(node, "SELECT delivery, state, count(*) AS rows FROM refused GROUP BY ALL")
    for row in rows:
        found[DeliveryId.parse(row["delivery"])] += Refused(**{row["state"]: row["rows"]})
    return found


def read_reasons(node: Node) -> list[ReasonCount]:
    """The same by delivery, broken rule and state."""
    found: dict[tuple[str, str], Refused] = defaultdict(Refused)
    rows = _refused(
        node,
        """
        SELECT delivery, reason, state, count(*) AS rows
        FROM (SELECT delivery, state, unnest(reasons) AS reason FROM refused)
        GROUP BY ALL ORDER BY delivery, rows DESC, reason
        """,
    )
    for row in rows:
        found[row["delivery"], row["reason"]] += Refused(**{row["state"]: row["rows"]})
    return [ReasonCount(DeliveryId.parse(name), reason, count) for (name, reason), count in found.items()]


def read_history(node: Node, delivery: DeliveryId | None = None) -> list[HistoryEntry]:
    """The entries of the ledger, oldest first: all of them, or those about one delivery."""
    if not exists(node.books(LEDGER)):
        return []
    table = LakeTable.open(node.books(LEDGER))
    with told_if_damaged(table):
        rows = _query(
            node,
            f"""
            SELECT * FROM {table.relation()} WHERE $1 IN ('', delivery)
            ORDER BY district, dataset, table_version, entry
            """,
            str(delivery or ""),
        )
    return [
        HistoryEntry(
            delivery=DeliveryId.parse(row["delivery"]),
            counts=Counts(**{name: row[name] for name in Counts.names()}),
            number=row["entry"],
            scope=tuple(row["scope"] or ()),
            **{name: row[name] for name in _AS_THEY_ARE},
        )
        for row in rows
    ]


def by_delivery(facts: Iterable[Fact]) -> Mapping[DeliveryId, list[Fact]]:
    """Facts about deliveries, in their order."""
    found: dict[DeliveryId, list[Fact]] = defaultdict(list)
    for fact in facts:
        found[fact.delivery].append(fact)
    return found


def _refused(node: Node, sql: str) -> list[dict[str, Any]]:
    books = [node.books(name) for name in (LEDGER, QUARANTINE)]
    if not all(exists(path) for path in books):
        return []
    ledger, quarantine = map(LakeTable.open, books)
    with told_if_damaged(ledger, quarantine):
        refused = REFUSED.format(ledger=ledger.relation(), quarantine=quarantine.relation())
        return _query(node, refused + sql)


def _query(node: Node, sql: str, *parameters: str) -> list[dict[str, Any]]:
    with duckdb_session(node.settings) as con:
        found = con.execute(sql, list(parameters))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
