"""Which types of PostgreSQL are read, and the form in which each is handed on."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from shanhai.connect.database.table import TableColumn, quoted
from shanhai.errors import ConfigurationError

ARROW = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
}
"""Types with an exact counterpart in Arrow; all others are texts, as PostgreSQL writes them."""

_TEXTS = frozenset({"text", "varchar", "bpchar"})
_WRITTEN = frozenset(
    {"numeric", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb", "uuid"}
    | {"bytea", "inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "char", "name", "citext", "xml"}
)
_SCALARS = frozenset(ARROW) | _TEXTS | _WRITTEN

CURSORS = {
    **dict.fromkeys(("int2", "int4", "int8"), "int8"),
    "numeric": "numeric",
    **{name: name for name in ("date", "timestamp", "timestamptz")},
    **dict.fromkeys(("text", "varchar"), "text"),
}
"""Types that a cursor column may have, and what their values are compared as. Not floating point: it has
values that are never equal to what was written."""

SPANS = {name: name for name in ("date", "timestamp", "timestamptz")} | dict.fromkeys(
    ("text", "varchar"), "text"
)
"""Types of a column that windows select by."""


def column_of(name: str, base: str, kind: str, element: str, element_kind: str) -> TableColumn:
    """A column by its type in the catalogue, domains resolved; without a value where the type is not read.

    Args:
        base: name of the type. kind: `b` for a base type, `e` for an enumeration, `c`, `r`, … for others.
        element, element_kind: the same of an array's elements; empty when it is none.
    """
    if base in ARROW or base in _TEXTS:
        return TableColumn(name, base, quoted(name))
    is_read = base in _WRITTEN or "e" in (kind, element_kind) or element in _SCALARS
    return TableColumn(name, base, f"{quoted(name)}::text" if is_read else "")


def check_readable(columns: Sequence[TableColumn]) -> None:
    """Refuse columns of whose values nobody could tell what their text means.

    Raises:
        ConfigurationError: naming them.
    """
    refused = [f"{column.name} ({column.type})" for column in columns if not column.value]
    if refused:
        raise ConfigurationError(
            "columns have types that are not read",
            given=", ".join(refused),
            allowed=f"{', '.join(sorted(_SCALARS))}, enumerations, and arrays of these",
            hint="leave them out with the option columns, or have the source make a view that casts them",
        )
