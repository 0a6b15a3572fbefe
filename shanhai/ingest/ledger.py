"""The ledger as people read it: the net of every delivery, and whether it balances."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest.books import NOTES, Counts
from shanhai.ingest.node import Node
from shanhai.ingest.projections import LEDGER
from shanhai.ingest.reconcile import Behind, reconcile, reconcile_as_far
from shanhai.ingest.records import State
from shanhai.warehouse import lake
from shanhai.warehouse.damage import told_if_damaged
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.session import duckdb_session


@dataclass(frozen=True)
class LedgerRow:
    """The net of one delivery after all its entries.

    `decided_by` is empty when no person decided; `staging` names the staging by which it stands there.
    """

    delivery: DeliveryId
    contract_version: str
    counts: Counts
    verdict: State
    reason: str
    decided_by: str
    staging: str = ""

    def as_dict(self) -> dict[str, Any]:
        """One JSON object: what the auditor reads."""
        return {
            "district": self.delivery.dataset.district,
            "dataset": self.delivery.dataset.name,
            "partition": self.delivery.partition,
            "snapshot_sha256": self.delivery.snapshot,
            "contract_version": self.contract_version,
            **asdict(self.counts),
            "verdict": self.verdict,
        }


_NET = """
    SELECT delivery,
           {sums},
           arg_max(contract_version, (table_version, entry)) FILTER (cause = '') AS contract_version,
           arg_max(verdict, (table_version, entry)) FILTER (cause = '') AS verdict,
           arg_max(reason, (table_version, entry)) FILTER ({told}) AS reason,
           arg_max(decided_by, (table_version, entry)) FILTER ({told}) AS decided_by,
           arg_max(staging, (table_version, entry)) FILTER (staging <> '') AS staging
    FROM {ledger} GROUP BY delivery
    ORDER BY min(district), min(dataset), min("partition"), min("at"), delivery
"""


def ledger(node: Node, behind: list[Behind] | None = None) -> list[LedgerRow]:
    """The net of every delivery that has a verdict, by dataset and partition; brings the ledger up to date.

    Args:
        behind: gains what the books could not be brought up to; None: the first of it is raised.

    Raises:
        DamagedError: a file of the ledger is lost or damaged.
        RetryableError: a table cannot be read.
    """
    if behind is None:
        reconcile(node)
    else:
        behind += reconcile_as_far(node)
    return ledger_as_it_is(node)


def ledger_as_it_is(node: Node) -> list[LedgerRow]:
    """The same from the ledger's table alone, which is left as it is.

    Raises:
        DamagedError: a file of it is lost or damaged.
        RetryableError: the table cannot be read.
    """
    path = node.books(LEDGER)
    if not lake.exists(path):
        return []
    table = LakeTable.open(path)
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in Counts.names())
    notes = ", ".join(map(quote_literal, sorted(NOTES)))
    alike = " AND ".join(["kind = 'replay'", "decided_by = ''", *(f"{name} = 0" for name in Counts.names())])
    told = f"cause = '' AND kind NOT IN ({notes}) AND NOT ({alike})"
    with told_if_damaged(table), duckdb_session(node.settings) as con:
        found = con.execute(_NET.format(sums=sums, told=told, ledger=table.relation()))
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [
        LedgerRow(
            delivery=DeliveryId.parse(row["delivery"]),
            contract_version=row["contract_version"],
            counts=Counts(**{name: row[name] for name in Counts.names()}),
            verdict=row["verdict"],
            reason=row["reason"],
            decided_by=row["decided_by"],
            staging=row["staging"] or "",
        )
        for row in rows
    ]
