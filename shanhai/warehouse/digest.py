"""The digest of a relation's content: the same for the same rows in any order, on any machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shanhai.contracts.sql import quote_identifier

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Content:
    """How many rows, and 64 hex digits that change with any of them, with a column's name or its type."""

    rows: int
    digest: str


def content(con: duckdb.DuckDBPyConnection, relation: str) -> Content:
    """Digest `relation`, a SQL table or parenthesised query; the session's time zone must be UTC.

    Each row's text (lengths before values, so that no two rows share one) is hashed with MD5, and the two
    halves are added up over all rows: one pass, constant memory. It tells change; it is no proof against
    somebody who constructs rows.
    """
    columns = [(str(name), str(kind)) for name, kind, *_ in con.sql(f"DESCRIBE FROM {relation}").fetchall()]
    text = " || ".join(_text(name, kind) for name, kind in columns)
    found = con.execute(
        f"SELECT count(*), sum(md5_number_lower(line)), sum(md5_number_upper(line)) "
        f"FROM (SELECT {text} AS line FROM {relation})"
    ).fetchone()
    rows, lower, upper = found if found is not None else (0, None, None)
    parts = [f"{name} {kind}" for name, kind in columns] + [str(rows), str(lower or 0), str(upper or 0)]
    return Content(int(rows), hashlib.sha256("\n".join(parts).encode()).hexdigest())


def _text(name: str, kind: str) -> str:
    column = quote_identifier(name)
    nested = kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))
    value = f"to_json({column})::VARCHAR" if nested else f"{column}::VARCHAR"
    return f"CASE WHEN {column} IS NULL THEN '-' ELSE length({value}) || ':' || {value} END"
