"""What a build reads: every lake table and the ledger, pinned, as views of a scratch file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.federation import Federation
from shanhai.contracts.model import Contract
from shanhai.contracts.render_dbt import source_schema
from shanhai.contracts.schema import DELIVERY, PARTITION, duckdb_type
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.settings import Settings
from shanhai.warehouse import pins as delta
from shanhai.warehouse.damage import unreadable
from shanhai.warehouse.lake import exists

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable

Pins = Mapping[str, int]
"""Versions by table: `<district>.<dataset>` and `_system.ledger`; a table that does not exist is left out."""

LEDGER = "_system.ledger"
LAKE_SCHEMA = "_lake"

_LEDGER_COLUMNS = {
    "delivery": "VARCHAR",
    "district": "VARCHAR",
    "dataset": "VARCHAR",
    "loaded": "BIGINT",
    "table_version": "BIGINT",
}


def pin(
    settings: Settings, federation: Federation, reconcile: Callable[[], object] | None = None
) -> dict[str, int]:
    """The present versions of everything that a build reads.

    The tables are pinned first, then `reconcile` brings the ledger up to them, then the ledger is
    pinned: its entries for later commits are left out by their table version, so lake and ledger tell of
    the same moment while loads go on.

    Raises:
        StoreError: a table cannot be read.
    """
    versions = {}
    for dataset in federation.contracts:
        path = table_path(settings, str(dataset))
        if exists(path):
            versions[str(dataset)] = int(open_version(path).version())
    if reconcile is not None:
        reconcile()
    ledger = table_path(settings, LEDGER)
    if exists(ledger):
        versions[LEDGER] = int(open_version(ledger).version())
    return versions


def table_path(settings: Settings, table: str) -> Path:
    """Where a lake table lies; `table` as in `Pins`."""
    return table_in(settings.home, table)


def table_in(home: Path, table: str) -> Path:
    """The same in a home."""
    folder, _, name = table.partition(".")
    return home / "lake" / folder / name


def open_version(path: Path, version: int | None = None) -> DeltaTable:
    """A Delta table at a version, by default the newest.

    Raises:
        DamagedError: its log has lost a file, or one is cut off or altered.
        StoreError: there is no such table or version, or it cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(path.as_posix(), version=version)
    except (DeltaError, OSError) as error:
        raise unreadable(path, error, version) from error


def create_views(
    con: duckdb.DuckDBPyConnection, settings: Settings, federation: Federation, pins: Pins
) -> None:
    """One schema a district with one view a dataset, and `_lake.ledger`, all at the pinned versions.

    Raises:
        StoreError: a pinned version is no longer there.
    """
    for dataset, contract in federation.contracts.items():
        version = pins.get(str(dataset))
        table = open_version(table_path(settings, str(dataset)), version) if version is not None else None
        select = _dataset_select(settings, contract, table)
        _view(con, source_schema(dataset), dataset.name, select)
    _view(con, LAKE_SCHEMA, "ledger", _ledger_select(settings, federation, pins))


def dataset_relation(settings: Settings, contract: Contract, version: int) -> str:
    """A SQL relation, in parentheses, over the rows of one version of a dataset, with the contract's columns.

    Raises:
        StoreError: the version is not there, or cannot be read.
    """
    table = open_version(table_path(settings, str(contract.dataset)), version)
    return f"({_dataset_select(settings, contract, table)})"


def _view(con: duckdb.DuckDBPyConnection, schema: str, name: str, select: str) -> None:
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema)}")
    con.execute(f"CREATE VIEW {quote_identifier(schema)}.{quote_identifier(name)} AS {select}")


def _dataset_select(settings: Settings, contract: Contract, table: DeltaTable | None) -> str:
    """The contract's columns; one that the table does not have yet is NULL, a missing table is empty."""
    types = {column.name: duckdb_type(column) for column in contract.columns}
    types |= {DELIVERY: "VARCHAR", PARTITION: "VARCHAR"}
    present = {field.name for field in table.schema().fields} if table is not None else set()
    listed = ", ".join(
        f"{quote_identifier(name) if name in present else 'NULL'}::{kind} AS {quote_identifier(name)}"
        for name, kind in types.items()
    )
    if table is None:
        return f"SELECT {listed} WHERE false"
    return f"SELECT {listed} FROM {delta.relation(table, table_path(settings, str(contract.dataset)))}"


def _ledger_select(settings: Settings, federation: Federation, pins: Pins) -> str:
    """Entries of the federation's datasets, up to the version at which each is read."""
    listed = ", ".join(f"ledger.{name}::{kind} AS {name}" for name, kind in _LEDGER_COLUMNS.items())
    versions = ", ".join(
        f"({quote_literal(dataset.district)}, {quote_literal(dataset.name)}, {pins[str(dataset)]})"
        for dataset in federation.contracts
        if str(dataset) in pins
    )
    if LEDGER not in pins or not versions:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _LEDGER_COLUMNS.items())
        return f"SELECT {empty} WHERE false"
    path = table_path(settings, LEDGER)
    return (
        f"SELECT {listed} FROM {delta.relation(open_version(path, pins[LEDGER]), path)} AS ledger "
        f"INNER JOIN (VALUES {versions}) AS pinned(district, dataset, version) "
        "ON ledger.district = pinned.district AND ledger.dataset = pinned.dataset "
        "AND coalesce(ledger.table_version, 0) <= pinned.version"
    )
