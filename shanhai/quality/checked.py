"""The table `checked`: every well-formed row of `raw`, each column as cleaned text and as typed value."""

from __future__ import annotations

import duckdb

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.sql import quote_identifier
from shanhai.quality.expressions import VALUE_SUFFIX, clean, typed
from shanhai.quality.rules import checked_violation, rules_for

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


def create_checked(con: duckdb.DuckDBPyConnection, contract: Contract, *, into: str = "main") -> None:
    """Create or replace the table `checked` over the table `raw` of `con`, cleaning and typing each row once.

    Beside the columns of `checked_select` it has `_row`, the rowid in `raw`, and `_broken`, whether the row
    breaks any rule. What would be a copy is left out: the value of a text is the text itself.

    Args:
        into: the catalogue in which the table is created.

    Raises:
        ConfigurationError: a column's time zone does not exist.
        duckdb.Error: `raw` is missing or laid out differently, or a format or pattern is invalid.
    """
    broken = " OR ".join(checked_violation(rule, contract) for rule in rules_for(contract)) or "false"
    copies = [quote_identifier(c.name + VALUE_SUFFIX) for c in contract.columns if c.type == "string"]
    columns = f"* EXCLUDE ({', '.join(copies)})" if copies else "*"
    con.execute(
        f"""
        CREATE OR REPLACE TABLE {into}.{CHECKED} AS
        SELECT {columns}, ({broken}) AS _broken
        FROM ({checked_select(contract, first="rowid AS _row")})
        """
    )


def value_of(column: Column) -> str:
    """The column of `checked` that holds a column's typed value, quoted."""
    return quote_identifier(column.name if column.type == "string" else column.name + VALUE_SUFFIX)
