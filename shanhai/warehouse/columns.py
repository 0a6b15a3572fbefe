"""The columns of a table: new ones may come, and none changes its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shanhai.errors import ConfigurationError
from shanhai.warehouse import pins

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import Schema


def new_columns(table: str, known: Schema, wanted: pa.Schema) -> list[Any]:
    """The columns, as Delta's fields, that a table called `table` does not have yet.

    Raises:
        ConfigurationError: one is there with another type.
    """
    from deltalake import Schema

    types = {column.name: pins.duckdb_type_of(column.type) for column in known.fields}
    fields = Schema.from_arrow(wanted).fields
    for column in fields:
        _check_same_type(table, column, types.get(column.name))
    return [column for column in fields if column.name not in types]


def _check_same_type(table: str, column: Any, known: str | None) -> None:
    """A file of another type than the table would be committed, which no reader could read any more."""
    given = pins.duckdb_type_of(column.type)
    if known is not None and given != known:
        raise ConfigurationError(
            f"the type of column {column.name} of {table} cannot change",
            given=given,
            allowed=known,
            hint="give the column of the new type a new name, or the dataset",
        )
