"""Withdraw: take a delivery's rows back, and give the table what it would be had it never been loaded."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.books import Counts, Entry, Net, entry, table_net
from shanhai.ingest.committed import committed_staging
from shanhai.ingest.editions import in_order
from shanhai.ingest.load import Decision, on_newest
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.stage import GOOD
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

_PER_DELIVERY = 1 << 40
"""More rows than a delivery has: orders rows by delivery first, then by their place in it."""


def withdraw(node: Node, delivery: DeliveryId, decision: Decision, *, expected: int) -> Entry | None:
    """Commit a table without `delivery`; rows that had lost to it come back, booked at their deliveries.

    The table is computed anew from the good rows of every delivery that stays. That costs a pass over
    all of them, and withdrawals are rare; in return there is no history of losers to keep and to trust.

    Returns:
        The delivery's entry; None when somebody else decided first.
    """

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)) != expected:
            return None
        books = table_net(table)
        accepted = {known for known, net in books.items() if net.verdict == "accepted"}
        live = in_order(node, accepted - {str(delivery)}, books)
        stagings = {
            known: committed_staging(node, DeliveryId.parse(known), books[known])
            for known in [*live, str(delivery)]
        }
        name = f"{delivery.key}-{expected + 1}-{secrets.token_hex(4)}.parquet"
        with duckdb_session(node.settings) as con:
            loaded, lost = _rebuild(con, node, table, live, stagings, table.path / name)
        lines = [_subject(delivery, stagings[str(delivery)], decision, books[str(delivery)])]
        lines += _others(live, stagings, books, loaded, lost, str(delivery))
        table.commit(
            Change(
                add={name: sum(loaded.values())} if any(loaded.values()) else {},
                remove=tuple(table.files()),
                transactions={str(delivery): expected + 1},
                facts={"entries": [line.model_dump() for line in lines]},
            ),
            at=node.clock(),
        )
        log.info("withdraw delivery=%s by=%s", delivery.short, decision.by)
        return lines[0]

    return on_newest(node, delivery.dataset, attempt)


def _rebuild(
    con: duckdb.DuckDBPyConnection,
    node: Node,
    table: LakeTable,
    live: list[str],
    stagings: dict[str, Staging],
    target: Path,
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Write the table's rows to `target`; rows per delivery, and losers per delivery and reason."""
    if not any(stagings[known].good for known in live):
        return {}, {}
    contract = node.federation.contract(DeliveryId.parse(live[0]).dataset)
    con.execute(f"CREATE TEMP VIEW every_row AS {_every_row(node, table, live, stagings)}")
    con.execute(f"CREATE TEMP TABLE lost AS {_lost(contract, live)}")
    con.execute(
        f"""
        COPY (SELECT * EXCLUDE (_order) FROM every_row WHERE _order NOT IN (SELECT _order FROM lost))
        TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    )
    loaded = con.execute(
        f"SELECT {DELIVERY}, count(*) FROM every_row WHERE _order NOT IN (SELECT _order FROM lost) GROUP BY 1"
    ).fetchall()
    lost = con.execute(
        f"SELECT {DELIVERY}, lost.why, count(*) FROM lost JOIN every_row USING (_order) GROUP BY 1, 2"
    ).fetchall()
    return dict(loaded), {(known, why): int(rows) for known, why, rows in lost}


def _every_row(node: Node, table: LakeTable, live: list[str], stagings: dict[str, Staging]) -> str:
    """The good rows of all deliveries, with every column that the table has; `_order` is their order."""
    parts = [
        f"SELECT * EXCLUDE (file_row_number), {place * _PER_DELIVERY} + file_row_number AS _order FROM "
        f"read_parquet({_good(node, known, stagings[known])}, file_row_number = true)"
        for place, known in enumerate(live)
        if stagings[known].good
    ]
    typed = f"SELECT *, NULL::BIGINT AS _order FROM {table.relation()} WHERE false"
    return " UNION ALL BY NAME ".join([typed, *parts])


def _good(node: Node, delivery: str, staging: Staging) -> str:
    return quote_literal((node.staging(DeliveryId.parse(delivery), staging.staging) / GOOD).as_posix())


def _lost(contract: Contract, live: list[str]) -> str:
    if contract.versions.rule == "replace":
        # Of the deliveries of a partition the last one stays, also when it has no rows at all.
        newest = {DeliveryId.parse(known).partition: place for place, known in enumerate(live)}
        listed = ", ".join(f"({quote_literal(partition)}, {place})" for partition, place in newest.items())
        return (
            f"SELECT _order, '{settle.SUPERSEDED}' AS why FROM every_row "
            f"JOIN (VALUES {listed}) newest(of_partition, place) ON of_partition = {PARTITION} "
            f"WHERE _order // {_PER_DELIVERY} < place"
        )
    if not settle.crosses(contract):
        return "SELECT _order, NULL::VARCHAR AS why FROM every_row WHERE false"
    return settle.losers(contract, "every_row", "_order", delivery=DELIVERY)


def _subject(delivery: DeliveryId, staging: Staging, decision: Decision, before: Net) -> Entry:
    target = Counts(
        rows_in=staging.rows_in,
        quarantined=staging.quarantined,
        duplicates=staging.duplicates,
        superseded=staging.superseded,
        withheld=staging.good,
    )
    return entry(
        str(delivery),
        "withdraw",
        "withdrawn",
        staging.contract_version,
        target - before.counts,
        reason=decision.reason,
        decided_by=decision.by,
        staging=staging,
    )


def _others(
    live: list[str],
    stagings: dict[str, Staging],
    books: dict[str, Net],
    loaded: dict[str, int],
    lost: dict[tuple[str, str], int],
    cause: str,
) -> list[Entry]:
    lines = []
    for known in live:
        staging = stagings[known]
        target = replace(
            books[known].counts,
            loaded=loaded.get(known, 0),
            duplicates=staging.duplicates + lost.get((known, settle.DUPLICATE), 0),
            superseded=staging.superseded + lost.get((known, settle.SUPERSEDED), 0),
        )
        difference = target - books[known].counts
        if difference != Counts():
            lines.append(
                entry(known, "restore", "accepted", staging.contract_version, difference, cause=cause)
            )
    return lines
