"""Rows that break waived rules alone: they are good after all, and compete with the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal
from shanhai.ingest import settle
from shanhai.ingest.parting import ROW, Parted
from shanhai.ingest.waivers import Waivers, waived_rows, why_not_waivable
from shanhai.quality.divided import BROKEN_ROWS, HASH, REASONS
from shanhai.warehouse.batches import batches
from shanhai.warehouse.row_groups import RowGroups

if TYPE_CHECKING:
    import duckdb

RELEASED = "released"


def create_released(con: duckdb.DuckDBPyConnection, contract: Contract, waivers: Waivers) -> int:
    """Create the temporary table `released` of `_row`: the broken rows of which each broken rule is waived.

    What cannot be waived under this contract is no more waived than if nobody had.

    Args:
        con: has the table `broken`.
    """
    waived = {
        rule: rows for rule, rows in waived_rows(waivers).items() if why_not_waivable(contract, rule) is None
    }
    everywhere = [quote_literal(rule) for rule, rows in waived.items() if rows is None]
    somewhere = [
        f"({quote_literal(rule)}, {quote_literal(body)}, {position})"
        for rule, rows in waived.items()
        for body, position in sorted(rows or ())
    ]
    con.execute("CREATE OR REPLACE TEMP TABLE waived (rule VARCHAR, body VARCHAR, place BIGINT)")
    if somewhere:
        con.execute(f"INSERT INTO waived VALUES {', '.join(somewhere)}")
    (rows,) = con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {RELEASED} AS
        SELECT {ROW} FROM (
            SELECT {ROW}, _body, unnest({REASONS}) AS rule FROM {BROKEN_ROWS} WHERE _malformed IS NULL
        )
        GROUP BY {ROW} HAVING bool_and(
            list_contains([{", ".join(everywhere)}]::VARCHAR[], rule)
            OR (rule, _body, {ROW} + 1) IN (SELECT (rule, body, place) FROM waived)
        )
        """
    ).fetchone() or (0,)
    return int(rows)


def readmit(con: duckdb.DuckDBPyConnection, contract: Contract, parted: Parted, scratch: Path) -> None:
    """Give the rows in `released` back to those that are good.

    Where rows compete they are held, in their place among the others that are, and must win like these.
    """
    names = settle.listed(contract.names)
    if parted.repeats is None:
        for batch in batches(con, f"SELECT {names} FROM ({_again(parted, names)}) ORDER BY {ROW}"):
            parted.good.write(batch)
        return
    names = f"{names}, {HASH}"
    every = _again(parted, names)
    if parted.held.rows:
        every += f" UNION ALL SELECT {ROW}, {names} FROM {_file(parted.held.path)}"
    with RowGroups(scratch / "held-again.parquet") as held:
        for batch in batches(con, f"SELECT {names}, {ROW} FROM ({every}) ORDER BY {ROW}"):
            held.write(batch)
    parted.held = held


def _again(parted: Parted, names: str) -> str:
    return f"SELECT {ROW}, {names} FROM {_file(parted.amiss.path)} WHERE {ROW} IN (FROM {RELEASED})"


def _file(path: Path) -> str:
    return f"read_parquet({quote_literal(path.as_posix())})"
