"""The types of a contract's columns, for DuckDB, Arrow and Delta, and the columns every lake row adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanhai.contracts.model import Column, Contract

if TYPE_CHECKING:
    import pyarrow as pa

DELIVERY = "_delivery"
PARTITION = "_partition"

_DUCKDB = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "time": "VARCHAR",
}


def duckdb_type(column: Column) -> str:
    """The DuckDB type of a column. A time of day is text `HH:MM:SS`, since Delta has no such type."""
    if column.precision is not None:
        digits, decimals = column.precision
        return f"DECIMAL({digits},{decimals})"
    return _DUCKDB[column.type]


def arrow_schema(contract: Contract) -> pa.Schema:
    """The Arrow schema of the lake table: the contract's columns, then `_delivery` and `_partition`.

    Instants are microseconds in UTC. Every column but the last two is nullable: what is required is
    a rule of the contract, kept by staging.
    """
    import pyarrow as pa

    arrow = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "time": pa.string(),
    }
    fields = [
        pa.field(
            column.name,
            pa.decimal128(*column.precision) if column.precision else arrow[column.type],
        )
        for column in contract.columns
    ]
    return pa.schema([*fields, pa.field(DELIVERY, pa.string()), pa.field(PARTITION, pa.string())])
