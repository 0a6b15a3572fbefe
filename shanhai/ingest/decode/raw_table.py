"""The table `raw`: one text column per column of the contract, and where a record came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import UnreadableError

BODY = "_body"
MALFORMED = "_malformed"
RAW = "_raw"
COLUMNS_HELD = 1000
"""Columns that always fit: one takes 32 KiB of each batch of records, in some copies for each thread."""


def create_raw(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Create an empty `raw`, replacing one that is there; rowid will be the order of records."""
    names = [*contract.names, BODY, MALFORMED, RAW]
    columns = ", ".join(f"{quote_identifier(name)} VARCHAR" for name in names)
    con.execute("SET preserve_insertion_order = true")
    con.execute(f"CREATE OR REPLACE TABLE raw ({columns})")


def insert_raw(con: duckdb.DuckDBPyConnection, cells: Sequence[str], body: str, rest: str) -> int:
    """Append the records of one body and return how many there were.

    Args:
        cells: one SQL expression per column of the contract, in its order.
        body: name of the body.
        rest: SQL from `, <malformed>, <raw> FROM …` on; the expressions of `_malformed` and `_raw` first.

    Raises:
        UnreadableError: so many columns that memory does not hold a batch of records.
        duckdb.InvalidInputException: what `rest` reads is malformed.
    """
    chosen = "".join(f"{cell}, " for cell in cells)
    try:
        inserted = con.execute(f"INSERT INTO raw SELECT {chosen}{quote_literal(body)}, {rest}").fetchone()
    except UnicodeDecodeError as error:  # of the parser's complaint, which ends within a character
        raise duckdb.InvalidInputException("a long record is malformed") from error
    except duckdb.OutOfMemoryException as error:
        if len(cells) <= COLUMNS_HELD:
            raise
        raise UnreadableError(
            f"{body}: too many columns for the memory of one process",
            given=f"{len(cells)} columns",
            allowed=f"{COLUMNS_HELD} columns for certain, more with a larger `memory_limit`",
            hint="ignore columns that nobody needs, or let the source send one record per value",
        ) from error
    return int(inserted[0]) if inserted else 0


def one_file(path: Path) -> str:
    """The path as SQL text for a table function, which would take `*`, `?` and `[` for a pattern."""
    return quote_literal(re.sub(r"[*?\[]", r"[\g<0>]", path.as_posix()))
