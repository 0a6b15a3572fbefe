"""Which good rows of one delivery lose: few are looked at, found by the hash of few columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.ingest import settle

if TYPE_CHECKING:
    import duckdb

LOSERS = "losers"
_FEW = 20_000
"""Up to so many rows all columns are hashed without further thought."""
_STRETCH, _ONE_OF = 2048, 16
_TELLING = 0.9
"""A column with so many different values, estimated to some percent, is looked at alone."""
_AT_ONCE = 1 << 24
"""Hashes that are sorted in memory at a time: 128 MiB."""


def create_losers(
    con: duckdb.DuckDBPyConnection, contract: Contract, rows: str, *, bits: int = 64
) -> dict[str, int]:
    """Create the temporary table `losers` of `_row` and `why`; returns how many lose, by why.

    Rows that are equal in all columns are equal in any of them. So the hashes of the most telling columns are
    sorted, and only rows whose hash occurs again are compared, by their values and not by the hash.

    Args:
        rows: SQL of a relation with the contract's columns and `_row`, which is unique; of equal rows the
            least stays.
        bits: of the hash; the fewer, the more rows are compared in vain.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {LOSERS} (_row BIGINT, why VARCHAR)")
    columns = settle.identity(contract)
    if columns:
        hashed = f"(hash({settle.listed(_telling(con, columns, rows))}) >> {64 - bits})"
        _create_contested(con, hashed, rows)
        con.execute(f"INSERT INTO {LOSERS} {settle.losers(contract, 'contested', '_row')}")
        con.execute("DROP TABLE contested")
    return dict(con.execute(f"SELECT why, count(*) FROM {LOSERS} GROUP BY why").fetchall())


def _telling(con: duckdb.DuckDBPyConnection, columns: Sequence[str], rows: str) -> Sequence[str]:
    """One column or two that tell nearly all rows apart, as far as a sample says; else all of them.

    The sample is spread over all rows: what differs from row to row can come again, like the time of day.
    """
    (total,) = con.execute(f"SELECT count(*) FROM ({rows})").fetchone() or (0,)
    if total < _FEW:
        return columns
    sample = f"FROM ({rows}) WHERE (_row // {_STRETCH}) % {_ONE_OF} = 0"
    counted = ", ".join(f"approx_count_distinct({settle.listed([name])})" for name in columns)
    size, *found = con.execute(f"SELECT count(*), {counted} {sample}").fetchone() or (0,)
    best = [name for _, name in sorted(zip(found, columns, strict=True), reverse=True)]
    if max(found) >= _TELLING * size:
        return best[:1]
    two = f"hash({settle.listed(best[:2])})"
    (pairs,) = con.execute(f"SELECT approx_count_distinct({two}) {sample}").fetchone() or (0,)
    return best[:2] if pairs >= _TELLING * size else columns


def _create_contested(con: duckdb.DuckDBPyConnection, hashed: str, rows: str) -> None:
    """Create the table `contested` of all rows whose hash some other row has."""
    import numpy as np
    import pyarrow as pa

    (count,) = con.execute(f"SELECT count(*) FROM ({rows})").fetchone() or (0,)
    parts = count // _AT_ONCE + 1
    found = []
    for part in range(parts):
        chosen = f"WHERE {hashed} % {parts} = {part}" if parts > 1 else ""
        hashes = con.execute(f"SELECT {hashed} AS hash FROM ({rows}) {chosen}").fetchnumpy()["hash"]
        hashes.sort()
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    con.register("repeated", pa.table({"hash": np.concatenate(found)}))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE contested AS "
        f"SELECT * FROM ({rows}) WHERE {hashed} IN (SELECT hash FROM repeated)"
    )
    con.unregister("repeated")
