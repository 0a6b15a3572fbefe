"""The same questions about many columns of texts, asked of all at once: each statement costs milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

_CELLS = 400_000
_MOST_COLUMNS = 100


def ask_all(
    con: duckdb.DuckDBPyConnection, table: str, texts: Sequence[str], selects: Sequence[str]
) -> list[tuple[Any, ...]]:
    """What aggregates give of each column.

    Args:
        table: with a row at least.
        texts: SQL of a text, one a column.
        selects: SQL of aggregates over a text that is called `t`.
    """
    each = f"SELECT unnest([{', '.join(texts)}]) AS t, unnest(range({len(texts)})) AS place FROM {table}"
    asked = f"SELECT {', '.join(selects)} FROM ({each}) GROUP BY place ORDER BY place"
    return con.execute(asked).fetchall()


def at_once(columns: int, rows: int) -> Iterator[range]:
    """The positions of columns in parts that are asked about together: so many cells are held at a time."""
    most = max(1, min(_MOST_COLUMNS, _CELLS // max(rows, 1)))
    for first in range(0, columns, most):
        yield range(first, min(first + most, columns))
