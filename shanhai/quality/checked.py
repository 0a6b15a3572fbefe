"""The view `checked`: every well-formed row of `raw`, each column as cleaned text and as typed value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.sql import quote_identifier
from shanhai.contracts.texts import BLANKS
from shanhai.quality.expressions import VALUE_SUFFIX, clean, first_cast, typed
from shanhai.quality.rules import any_violation

if TYPE_CHECKING:
    import duckdb

CHECKED = "checked"
RAW = "raw"
BROKEN = "_broken"
TEXTS = "staged.*.text"
"""Files beside the scratch file that `raw` may be a view over."""


def checked_select(
    contract: Contract, *, source: str = RAW, first: str = "_body", blanks: str = BLANKS
) -> str:
    """The SELECT behind `checked`: `first`, then `<name>` and `<name>__value` per column.

    Args:
        source: SQL of a relation laid out as `raw`: a VARCHAR column per contract column, `_body`,
            and `_malformed`, which is NULL in well-formed rows.
        first: what tells the rows apart: an expression over `source`.
        blanks: those of `BLANKS` that can occur in the texts.
    """
    return layers(contract, f"{source} WHERE _malformed IS NULL", first=first, blanks=blanks)


def layers(contract: Contract, source: str, *, first: str, blanks: str = BLANKS) -> str:
    """The same over every row of `source`, whatever `_malformed` says."""
    # Layers: the text of a column is cleaned once, and cast once, however often it is referred to.
    columns = contract.columns
    texts = [f"{clean(column, blanks=blanks)} AS {quote_identifier(column.name)}" for column in columns]
    casts = {
        column.name: cast
        for column in columns
        if (cast := first_cast(column, quote_identifier(column.name))) is not None
    }
    named = [f"{cast} AS {_cast_of(name)}" for name, cast in casts.items()]
    values = [
        f"{typed(column, contract, text=quote_identifier(column.name), cast=_cast_of(column.name))} "
        f"AS {quote_identifier(column.name + VALUE_SUFFIX)}"
        for column in columns
    ]
    kept = f"* EXCLUDE ({', '.join(map(_cast_of, casts))})" if casts else "*"
    cleaned = f"SELECT {first}, {', '.join(texts)} FROM {source}"
    return f"SELECT {', '.join([kept, *values])} FROM (SELECT {', '.join(['*', *named])} FROM ({cleaned}))"


def _cast_of(name: str) -> str:
    return quote_identifier(f"_{name}__cast")


def create_checked(con: duckdb.DuckDBPyConnection, contract: Contract, *, blanks: str = BLANKS) -> None:
    """Create or replace the view `checked` over the relation `raw`; `_broken` tells who breaks any rule.

    A view costs nothing until it is read, and then what is read of it.

    Args:
        blanks: those of `BLANKS` that can occur in the texts.

    Raises:
        ConfigurationError: a column's time zone does not exist.
        duckdb.Error: `raw` is missing or laid out differently.
    """
    con.execute(
        f"CREATE OR REPLACE VIEW {CHECKED} AS "
        f"SELECT *, {any_violation(contract)} AS {BROKEN} FROM ({checked_select(contract, blanks=blanks)})"
    )


def value_of(column: Column) -> str:
    """The column of `checked` that holds a column's typed value, quoted."""
    return quote_identifier(column.name if column.type == "string" else column.name + VALUE_SUFFIX)
