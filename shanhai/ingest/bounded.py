"""Which columns of a data file a commit tells the bounds of: those by which rows of deliveries compete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.schema import DELIVERY, PARTITION
from shanhai.contracts.sql import quote_literal
from shanhai.ingest import settle
from shanhai.warehouse.bounds import Bounds, Columns, Kind, bounds_of

if TYPE_CHECKING:
    import duckdb

_KINDS: dict[str, Kind] = {
    "string": "string",
    "integer": "integer",
    "date": "date",
    "timestamp": "timestamp",
}
"""By type of a contract's column; others have no bounds."""


def _kinds(contract: Contract) -> dict[str, Kind]:
    """The columns to tell of, with how they are ordered: delivery, partition, and those of the identity.

    A delivery and its partition are told by every log anyway.
    """
    return {DELIVERY: "string", PARTITION: "string", **_of_identity(contract)}


def _of_identity(contract: Contract) -> dict[str, Kind]:
    """Of the identity the key and the times.

    A log is kept for good, so no column that is personal, important or core is among them. A table that is
    known by such a column alone is settled by reading it.
    """
    identity = settle.identity(contract) if settle.crosses(contract) else ()
    columns = [contract.column(name) for name in identity]
    return {one.name: _KINDS[one.type] for one in columns if _is_told(contract, one)}


def _is_told(contract: Contract, column: Column) -> bool:
    if not column.tells_values or column.precision is not None or column.type not in _KINDS:
        return False
    sorts = (*contract.key, contract.versions.by)
    return column.name in sorts or column.type in ("date", "timestamp")


def of_files(
    con: duckdb.DuckDBPyConnection, contract: Contract, folder: Path, names: Iterable[str]
) -> dict[str, Columns]:
    """The bounds of files that were written for a commit, by their names in the table's folder."""
    return {name: bounds_of(con, _rows(folder / name), _kinds(contract)) for name in names}


def of_rivals(con: duckdb.DuckDBPyConnection, contract: Contract, good: Path) -> dict[str, Bounds]:
    """What bounds the rows that can compete with the good rows of a delivery."""
    return bounds_of(con, _rows(good), _of_identity(contract))


def _rows(file: Path) -> str:
    return f"read_parquet({quote_literal(file.as_posix())})"
