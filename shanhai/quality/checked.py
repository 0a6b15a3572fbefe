"""The view `checked`: every well-formed row of `raw`, each column as cleaned text and as typed value."""

from __future__ import annotations

import duckdb

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier
from shanhai.quality.expressions import VALUE_SUFFIX, clean, typed

CHECKED = "checked"
RAW = "raw"


def checked_select(contract: Contract, *, source: str = RAW, first: str = "_body") -> str:
    """The SELECT behind `checked`: `first`, then `<name>` and `<name>__value` per column.

    Args:
        source: SQL of a relation laid out as `raw`: a VARCHAR column per contract column, `_body`,
            and `_malformed`, which is NULL in well-formed rows.
        first: what tells the rows apart: an expression over `source`.
    """
    # Two layers: the text of a column is cleaned once, however often its value and rules refer to it.
    texts = [f"{clean(column)} AS {quote_identifier(column.name)}" for column in contract.columns]
    values = [
        f"{typed(column, contract, text=quote_identifier(column.name))} "
        f"AS {quote_identifier(column.name + VALUE_SUFFIX)}"
        for column in contract.columns
    ]
    inner = f"SELECT {first}, {', '.join(texts)} FROM {source} WHERE _malformed IS NULL"
    return f"SELECT *, {', '.join(values)} FROM ({inner})"


def create_checked_view(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create or replace the view `checked` over the table `raw` of `con`.

    Raises:
        ConfigurationError: a column's time zone does not exist.
        duckdb.Error: `raw` is missing or laid out differently, or a format or pattern is invalid.
    """
    con.execute(f"CREATE OR REPLACE VIEW {CHECKED} AS {checked_select(contract)}")
