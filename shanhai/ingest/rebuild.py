"""The table of a dataset computed anew from the good rows of every delivery that is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import bounded, settle
from shanhai.ingest.books import Counts, Entry, Kind, Net, entry
from shanhai.ingest.editions import in_order
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging
from shanhai.ingest.stage import GOOD
from shanhai.warehouse.bounds import Columns
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb

_PER_DELIVERY = 1 << 40
"""More rows than a delivery has: orders rows by delivery first, then by their place in it."""


@dataclass(frozen=True)
class Rebuilt:
    """What makes the table another one, and what became of the good rows of each delivery.

    Args:
        add: new files with their row counts.
        remove: files of the table that go.
        loaded: rows that are in the table then, by delivery.
        lost: good rows that are not, by delivery and why (`settle.DUPLICATE`, `settle.SUPERSEDED`).
        digests: the SHA-256 of new files that are as they were staged.
        bounds: of new files.
    """

    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    loaded: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[tuple[str, str], int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Columns] = field(default_factory=dict)

    def counts(self, delivery: str, staging: Staging) -> Counts:
        """The net of an accepted delivery."""
        return Counts(
            rows_in=staging.rows_in,
            loaded=self.loaded.get(delivery, 0),
            quarantined=staging.quarantined,
            duplicates=staging.duplicates + self.lost.get((delivery, settle.DUPLICATE), 0),
            superseded=staging.superseded + self.lost.get((delivery, settle.SUPERSEDED), 0),
        )


def in_the_table(node: Node, books: Mapping[str, Net], *, without: str = "") -> list[str]:
    """The deliveries that have a place in the table, in the order in which it is made of them."""
    live = [known for known, net in books.items() if net.verdict == "accepted" and known != without]
    return in_order(node, live, books)


def rebuild(node: Node, table: LakeTable, stagings: Mapping[str, Staging], name: str) -> Rebuilt:
    """Settle the good rows of deliveries by the contract, as if they came together, into a new file.

    That costs a pass over all of them; in return there is no history of losers to keep and to trust.

    Args:
        stagings: of each delivery, in their order; their files are in place.
        name: of the file, which no committed one has; until a commit refers to it, it is garbage.
    """
    live = list(stagings)
    if not any(stagings[known].good for known in live):
        return Rebuilt(remove=tuple(table.files()))
    contract = node.federation.contract(DeliveryId.parse(live[0]).dataset)
    with duckdb_session(node.settings) as con:
        con.execute(f"CREATE TEMP VIEW every_row AS {_every_row(node, table, stagings)}")
        columns = {known: _columns(node, known, staging) for known, staging in stagings.items()}
        con.execute(f"CREATE TEMP TABLE lost AS {_lost(contract, columns)}")
        rebuilt = _written(con, table, table.path / name)
        return replace(rebuilt, bounds=bounded.of_files(con, contract, table.path, rebuilt.add))


def others(
    stagings: Mapping[str, Staging], books: Mapping[str, Net], rebuilt: Rebuilt, *, cause: str
) -> list[Entry]:
    """The entries of deliveries whose counts are others after `cause` was withdrawn or replayed."""
    lines = []
    for known, staging in stagings.items():
        difference = rebuilt.counts(known, staging) - books[known].counts
        if known != cause and difference != Counts():
            kind: Kind = "supersede" if difference.loaded < 0 else "restore"
            lines.append(
                entry(known, kind, "accepted", books[known].contract_version, difference, cause=cause)
            )
    return lines


def _written(con: duckdb.DuckDBPyConnection, table: LakeTable, target: Path) -> Rebuilt:
    stays = "_order NOT IN (SELECT _order FROM lost)"
    con.execute(
        f"""
        COPY (SELECT * EXCLUDE (_order) FROM every_row WHERE {stays})
        TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)
        """
    )
    target.chmod(0o600)
    loaded = dict(
        con.execute(f"SELECT {DELIVERY}, count(*) FROM every_row WHERE {stays} GROUP BY 1").fetchall()
    )
    lost = con.execute(
        f"SELECT {DELIVERY}, lost.why, count(*) FROM lost JOIN every_row USING (_order) GROUP BY 1, 2"
    ).fetchall()
    return Rebuilt(
        {target.name: sum(loaded.values())} if loaded else {},
        tuple(table.files()),
        loaded,
        {(known, why): int(rows) for known, why, rows in lost},
    )


def _every_row(node: Node, table: LakeTable, stagings: Mapping[str, Staging]) -> str:
    """The good rows of all deliveries, with every column that the table has; `_order` is their order."""
    parts = [
        f"SELECT * EXCLUDE (file_row_number), {place * _PER_DELIVERY} + file_row_number AS _order FROM "
        f"read_parquet({_good(node, known, staging)}, file_row_number = true)"
        for place, (known, staging) in enumerate(stagings.items())
        if staging.good
    ]
    typed = f"SELECT *, NULL::BIGINT AS _order FROM {table.empty_relation()}"
    return " UNION ALL BY NAME ".join([typed, *parts])


def _good(node: Node, delivery: str, staging: Staging) -> str:
    return quote_literal((node.staging(DeliveryId.parse(delivery), staging.staging) / GOOD).as_posix())


def _columns(node: Node, delivery: str, staging: Staging) -> tuple[str, ...]:
    """The columns that a delivery was staged with, perhaps by an earlier contract."""
    import pyarrow.parquet as pq

    if not staging.good:
        return ()
    file = node.staging(DeliveryId.parse(delivery), staging.staging) / GOOD
    return tuple(name for name in pq.read_schema(file).names if name not in (DELIVERY, PARTITION))


def _lost(contract: Contract, live: Mapping[str, tuple[str, ...]]) -> str:
    """The good rows that lose; `live` has the columns of the deliveries, in their order."""
    if contract.versions.rule == "replace":
        # Of the deliveries of a partition the last one stays, also when it has no rows at all. No column of a
        # contract begins with an underscore, so that none has a name of ours.
        newest = {DeliveryId.parse(known).partition: place for place, known in enumerate(live)}
        listed = ", ".join(f"({quote_literal(partition)}, {place})" for partition, place in newest.items())
        return (
            f"SELECT _order, '{settle.SUPERSEDED}' AS why FROM every_row "
            f"JOIN (VALUES {listed}) newest(_of, _place) ON newest._of = {PARTITION} "
            f"WHERE _order // {_PER_DELIVERY} < newest._place"
        )
    if not settle.crosses(contract):
        return "SELECT _order, NULL::VARCHAR AS why FROM every_row WHERE false"
    if settle.has_versions(contract):
        return settle.losers(contract, "every_row", "_order", delivery=DELIVERY)
    # A row was compared with those before it in the columns that its own delivery was staged with.
    parts = []
    for columns in dict.fromkeys(filter(None, live.values())):
        losers = settle.losers(contract, "every_row", "_order", delivery=DELIVERY, names=columns)
        those = ", ".join(quote_literal(known) for known, own in live.items() if own == columns)
        of_those = f"SELECT _order FROM every_row WHERE {DELIVERY} IN ({those})"
        parts.append(f"SELECT * FROM ({losers}) WHERE _order IN ({of_those})")
    return " UNION ALL ".join(parts)
