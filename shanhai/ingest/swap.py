"""The rows of one delivery taken out of a table or exchanged, where those of others have no part in it."""

from __future__ import annotations

from collections.abc import Mapping

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY
from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import bounded, settle
from shanhai.ingest.books import Net
from shanhai.ingest.node import Node
from shanhai.ingest.rebuild import Rebuilt, rebuild
from shanhai.ingest.records import Staging
from shanhai.ingest.settlement import register, write_rows
from shanhai.ingest.stage import GOOD
from shanhai.warehouse.bounds import Bounds, Columns, are_apart
from shanhai.warehouse.lake import LakeTable
from shanhai.warehouse.session import duckdb_session


def swap(
    node: Node,
    table: LakeTable,
    stagings: Mapping[str, Staging],
    books: Mapping[str, Net],
    subject: DeliveryId,
    stem: str,
    *,
    anew: bool = False,
) -> Rebuilt:
    """The table with other rows of `subject`, or with none.

    Only files that hold rows of it are written again, unless rows of deliveries compete, or did when they
    were loaded, or a file of the table is damaged: then the table is computed anew.

    Args:
        stagings: of each delivery that shall be in the table, in their order; their files are in place.
        stem: how the names of new files begin; no committed one does.
        anew: compute the table anew in any case.
    """
    contract = node.federation.contract(subject.dataset)
    if anew or table.cut_files() or not _apart(contract, stagings, books, str(subject)):
        return rebuild(node, table, stagings, f"{stem}.parquet")
    whose = quote_literal(str(subject))
    add: dict[str, int] = {}
    staging, digests = stagings.get(str(subject)), dict[str, str]()
    with duckdb_session(node.settings) as con:
        near = _may_hold(table, subject)
        con.execute(f"CREATE TEMP VIEW old_rows AS {table.relation(file_names=True, among=near)[1:-1]}")
        touched = con.execute(f"SELECT DISTINCT _file FROM old_rows WHERE {DELIVERY} = {whose}").fetchall()
        names = tuple(sorted(name for (name,) in touched))
        if names:
            listed = ", ".join(map(quote_literal, names))
            add |= write_rows(
                con,
                "SELECT * EXCLUDE (_file, _file_row) FROM old_rows "
                f"WHERE _file IN ({listed}) AND {DELIVERY} <> {whose}",
                table.path / f"{stem}-rest.parquet",
            )
        if staging is not None and staging.good_sha256:
            own = table.path / f"{stem}.parquet"
            add |= register(node.staging(subject, staging.staging) / GOOD, own)
            digests[own.name] = staging.good_sha256
        bounds = bounded.of_files(con, contract, table.path, add)
    loaded = {known: one.good for known, one in stagings.items()}
    return Rebuilt(add, names, loaded, digests=digests, bounds=bounds)


def _may_hold(table: LakeTable, delivery: DeliveryId) -> set[str]:
    """The files of a table that may hold rows of a delivery."""
    own: Columns = {DELIVERY: Bounds(str(delivery), str(delivery))}
    told, nothing = table.bounds(), dict[str, Bounds]()
    return {name for name in table.files() if not are_apart(told.get(name, nothing), own)}


def _apart(
    contract: Contract, stagings: Mapping[str, Staging], books: Mapping[str, Net], subject: str
) -> bool:
    """Whether every good row of the other deliveries is in the table, and stays there."""
    if settle.crosses(contract) or contract.versions.rule == "replace":
        return False
    return all(
        books[known].counts.loaded == staging.good for known, staging in stagings.items() if known != subject
    )
