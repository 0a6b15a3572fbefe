"""What a delivery's good rows do to a table: which of them enter, and which rows of others must go."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest import bounded, settle
from shanhai.ingest.known_files import KnownFiles
from shanhai.warehouse.bounds import Bounds, Columns, are_apart
from shanhai.warehouse.lake import LakeTable

if TYPE_CHECKING:
    import duckdb

_AFTER_ALL = 1 << 60
"""Incoming rows are ordered after every row that is in the table already."""


@dataclass(frozen=True)
class Settlement:
    """Files to register and to drop, and the rows behind them.

    Args:
        add: files now lying in the table's folder, with their row counts.
        remove: files of the current version that are rewritten or emptied.
        entered: rows of the delivery that are in `add`.
        duplicates, superseded: good rows of the delivery that lost to rows in the table.
        displaced: rows of other deliveries that lose, by delivery.
        digests: the SHA-256 of files of `add` that are as they were staged.
        bounds: of the files of `add`.
    """

    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    entered: int = 0
    duplicates: int = 0
    superseded: int = 0
    displaced: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Columns] = field(default_factory=dict)


def settle_delivery(
    con: duckdb.DuckDBPyConnection,
    table: LakeTable,
    contract: Contract,
    delivery: DeliveryId,
    good: Path,
    *,
    rows: int,
    sha256: str | None,
    stem: str,
    outdated: bool = False,
    known: KnownFiles | None = None,
) -> Settlement:
    """Settle a delivery's good rows against one version of its table, by the contract.

    Without anything to settle the good file is registered as it is. Files are written under names
    beginning with `stem`; until a commit refers to them they are garbage.

    Raises:
        StoreError: there are not as many good rows as `rows`, or a file of the table is damaged.

    Args:
        good: the delivery's good rows, already settled among themselves.
        rows: how many they are.
        sha256: of their file; None where there are none.
        stem: a name that no committed file has.
        outdated: under `replace`, whether a newer delivery holds the partition.
        known: what the step has learnt of the table's files.
    """
    if outdated:
        return Settlement(superseded=rows)
    if rows == 0 and contract.versions.rule != "replace":
        return Settlement()
    table_files = table.files()
    rivals: list[str] = []
    if table_files and (settle.crosses(contract) or contract.versions.rule == "replace"):
        known = known or KnownFiles()
        known.check_whole(table)
        rivals = _rivals(con, table, table_files, contract, delivery, good if rows else None, known)
        known.check_whole(table, rivals)
    _contest(con, table, contract, delivery, good if rows else None, rivals)
    written = _written(con, table, good, rows, stem)
    files = bounded.of_files(con, contract, table.path, written.add)
    as_staged = {f"{stem}.parquet": sha256} if sha256 and written.entered == rows else {}
    return replace(written, bounds=files, digests=as_staged)


def _rivals(
    con: duckdb.DuckDBPyConnection,
    table: LakeTable,
    files: Mapping[str, int | None],
    contract: Contract,
    delivery: DeliveryId,
    good: Path | None,
    known: KnownFiles,
) -> list[str]:
    """The files with rows that may lose to the delivery's, or to which those may lose; no other is opened.

    By the bounds that commits tell; where those leave it open, by the keys of the rows.
    """
    told, nothing = table.bounds(), dict[str, Bounds]()
    if contract.versions.rule == "replace":
        here: Columns = {PARTITION: Bounds(delivery.partition, delivery.partition)}
        return sorted(name for name in files if not are_apart(told.get(name, nothing), here))
    if good is None:
        return []
    own = bounded.of_rivals(con, contract, good)
    near = {name: rows for name, rows in files.items() if not are_apart(told.get(name, nothing), own)}
    return known.holding(con, table, near, _hashed(contract), _new(good))


def _contest(
    con: duckdb.DuckDBPyConnection,
    table: LakeTable,
    contract: Contract,
    delivery: DeliveryId,
    good: Path | None,
    rivals: Collection[str],
) -> None:
    """Fill `lost_new(_file_row, why)` and `lost_old(_file, _file_row, _delivery)` from the rows of rivals."""
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW old_rows AS {table.relation(file_names=True, among=rivals)[1:-1]}"
    )
    replaced = "false"
    if contract.versions.rule == "replace":
        replaced = f"{PARTITION} = {quote_literal(delivery.partition)}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE lost_old AS "
        f"SELECT _file, _file_row, {DELIVERY} FROM old_rows WHERE {replaced}"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE lost_new (_file_row BIGINT, why VARCHAR)")
    if good is not None and rivals and settle.crosses(contract):
        _rank(con, contract, good)


def _rank(con: duckdb.DuckDBPyConnection, contract: Contract, good: Path) -> None:
    """Put the losers among rows of one identity, in the delivery and in `old_rows`, into the two tables."""
    hashed, new = _hashed(contract), _new(good)
    columns = ", ".join(quote_identifier(name) for name in (*contract.names, DELIVERY))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE contested AS
        SELECT {columns}, _file, _file_row, row_number() OVER () AS _order FROM old_rows
        WHERE {hashed} IN (SELECT {hashed} FROM {new})
        """
    )
    con.execute(
        f"""
        INSERT INTO contested
        SELECT {columns}, NULL, file_row_number, {_AFTER_ALL} + file_row_number FROM {new}
        WHERE {hashed} IN (SELECT {hashed} FROM contested)
        """
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE verdicts AS "
        f"SELECT c._file, c._file_row, c.{DELIVERY}, l.why FROM contested c "
        f"JOIN ({settle.losers(contract, 'contested', '_order', delivery=DELIVERY)}) l USING (_order)"
    )
    con.execute("INSERT INTO lost_new SELECT _file_row, why FROM verdicts WHERE _file IS NULL")
    if settle.has_versions(contract):
        # Where versions do not compete, a row of the table only loses to rows before it, as it came to be.
        con.execute(
            f"INSERT INTO lost_old SELECT _file, _file_row, {DELIVERY} FROM verdicts WHERE _file IS NOT NULL"
        )


def _hashed(contract: Contract) -> str:
    return f"hash({settle.listed(settle.identity(contract))})"


def _new(good: Path) -> str:
    return f"read_parquet({quote_literal(good.as_posix())}, file_row_number = true)"


def _written(
    con: duckdb.DuckDBPyConnection, table: LakeTable, good: Path, rows: int, stem: str
) -> Settlement:
    """Write the files that follow from `lost_new` and `lost_old`."""
    lost = dict(con.execute("SELECT why, count(*) FROM lost_new GROUP BY 1").fetchall())
    displaced = dict(
        con.execute(f"SELECT {DELIVERY}, count(*) FROM lost_old GROUP BY 1 ORDER BY 1").fetchall()
    )
    touched = [file for (file,) in con.execute("SELECT DISTINCT _file FROM lost_old ORDER BY 1").fetchall()]
    entered, target = rows - sum(lost.values()), table.path / f"{stem}.parquet"
    add: dict[str, int] = {}
    if lost and entered:
        query = (
            f"SELECT * EXCLUDE (file_row_number) FROM {_new(good)} "
            "WHERE file_row_number NOT IN (SELECT _file_row FROM lost_new)"
        )
        add |= _entering(write_rows(con, query, target), entered)
    elif entered:
        add |= _entering(register(good, target), entered)
    if touched:
        add |= write_rows(
            con,
            "SELECT o.* EXCLUDE (_file, _file_row) FROM old_rows o "
            "WHERE o._file IN (SELECT _file FROM lost_old) AND NOT EXISTS "
            "(SELECT 1 FROM lost_old l WHERE l._file = o._file AND l._file_row = o._file_row)",
            table.path / f"{stem}-rest.parquet",
        )
    return Settlement(
        add=add,
        remove=tuple(touched),
        entered=entered,
        duplicates=lost.get(settle.DUPLICATE, 0),
        superseded=lost.get(settle.SUPERSEDED, 0),
        displaced=displaced,
    )


def _entering(written: dict[str, int], entered: int) -> dict[str, int]:
    """The file of the rows that enter, if it has as many as the books will say.

    Raises:
        StoreError: it has not; nothing must be committed.
    """
    if sum(written.values()) != entered:
        raise StoreError(
            "the good rows are not as many as were staged",
            given=sum(written.values()),
            allowed=entered,
            hint="walk the dataset again: the delivery is then staged anew",
        )
    return written


def register(good: Path, target: Path) -> dict[str, int]:
    """Put the staged file into the table's folder: a second name for the same bytes where possible."""
    import pyarrow.parquet as pq

    target.unlink(missing_ok=True)
    try:
        os.link(good, target)
    except OSError:
        shutil.copyfile(good, target)
    return {target.name: pq.read_metadata(target).num_rows}


def write_rows(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> dict[str, int]:
    """Write what a query gives; name and rows of the file, nothing where it gives no row."""
    (rows,) = con.execute(
        f"COPY ({query}) TO {quote_literal(target.as_posix())} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone() or (0,)
    if not rows:
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        return {}
    return {target.name: int(rows)}
