"""One version of a Delta table as a DuckDB relation: the files of that version, typed by its schema."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import StoreError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "binary": "BLOB",
}


def relation(
    table: DeltaTable, path: Path, *, file_names: bool = False, among: Collection[str] | None = None
) -> str:
    """A SQL query, in parentheses, over the rows of the version that `table` shows.

    A column that came later than a file reads as NULL there; a table without files is empty and typed.

    Args:
        among: the files to read; None: all.

    Raises:
        StoreError: the table has a column type that Shanhai never writes.
    """
    columns = [(column.name, duckdb_type_of(column.type)) for column in table.schema().fields]
    own = len(columns)
    if file_names:
        columns += [("filename", "VARCHAR"), ("file_row_number", "BIGINT")]
    typed = ", ".join(f"NULL::{kind} AS {quote_identifier(name)}" for name, kind in columns)
    nothing = f"SELECT {typed} WHERE false"
    present = (unquote(str(name)) for name in table.get_add_actions().column("path").to_pylist())
    files = sorted(name for name in present if among is None or name in among)
    if files:
        extra = ", filename = true, file_row_number = true" if file_names else ""
        listed = ", ".join(quote_literal((path / name).as_posix()) for name in files)
        read = f"read_parquet([{listed}], union_by_name = true{extra})"
        nothing = f"{nothing} UNION ALL BY NAME FROM {read}"
    picked = [quote_identifier(name) for name, _ in columns[:own]]
    if file_names:
        picked += [f"substr(filename, {len(path.as_posix()) + 2}) AS _file", "file_row_number AS _file_row"]
    return f"(SELECT {', '.join(picked)} FROM ({nothing}))"


def empty_relation(table: DeltaTable) -> str:
    """A SQL query, in parentheses, with the columns of a table and none of its rows: it opens no file.

    Raises:
        StoreError: the table has a column type that Shanhai never writes.
    """
    columns = ((column.name, duckdb_type_of(column.type)) for column in table.schema().fields)
    typed = ", ".join(f"NULL::{kind} AS {quote_identifier(name)}" for name, kind in columns)
    return f"(SELECT {typed} WHERE false)"


def duckdb_type_of(delta_type: object) -> str:
    """The DuckDB type of a Delta column.

    Raises:
        StoreError: a type that Shanhai never writes.
    """
    kind = str(getattr(delta_type, "type", ""))
    if kind.startswith("decimal"):
        return kind.upper()
    if kind in _TYPES:
        return _TYPES[kind]
    element = getattr(delta_type, "element_type", None)
    if element is not None:
        return f"{duckdb_type_of(element)}[]"
    fields = getattr(delta_type, "fields", None)
    if fields is not None:
        members = (f"{quote_identifier(member.name)} {duckdb_type_of(member.type)}" for member in fields)
        return f"STRUCT({', '.join(members)})"
    raise StoreError("a column type that Shanhai never writes", given=delta_type, allowed=list(_TYPES))
