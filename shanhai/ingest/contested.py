"""Good rows that may equal others of their delivery: which of them lose, found by their values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.ingest import settle
from shanhai.ingest.parting import ROW, Parted, good_rows
from shanhai.ingest.repeats import Repeats
from shanhai.quality.divided import HASH
from shanhai.warehouse.batches import at_once_of, batches

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

LOSERS = "losers"
_CONTESTED = "contested"
_HELD = 1 << 60
"""Held rows are ordered after every row that is in the file already."""


def settle_held(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, parted: Parted, scratch: Path
) -> dict[str, int]:
    """Complete the file of good rows: each held row enters or loses; returns how many lose, by why.

    A held row whose hash no other row has enters, and so does the first of those that were all held. The
    others are compared with the row in the file that has their hash, by their values and not by the hash.
    Nearly always each equals that row and loses; only otherwise the file is written again.

    Args:
        scratch: an existing folder.
    """
    if parted.repeats is None or not parted.held.rows:
        parted.good.close()
        return {}
    firsts, fresh = _apart(parted, parted.repeats)
    _create_rows(con, "fresh", fresh, scratch)
    _create_rows(con, "firsts", firsts, scratch)
    names = settle.listed(contract.names)
    held = f"read_parquet({quote_literal(parted.held.path.as_posix())})"
    entering = f"SELECT {names} FROM {held} WHERE {ROW} IN (FROM fresh) ORDER BY {ROW}"
    for batch in batches(con, entering, at_once=at_once_of(parted.held.path)):
        parted.good.write(batch)
    parted.good.close()
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_CONTESTED} AS "
        f"SELECT file_row_number AS {ROW}, {names} FROM {_numbered(parted.good.path)} "
        f"WHERE file_row_number IN (FROM firsts) UNION ALL "
        f"SELECT {_HELD} + {ROW}, {names} FROM {held} WHERE {ROW} NOT IN (FROM fresh)"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE {LOSERS} AS {settle.losers(contract, _CONTESTED, ROW)}")
    if not _is_complete(con):
        _write_again(con, contract, delivery, parted, scratch)
    con.execute(f"DROP TABLE {_CONTESTED}")
    return dict(con.execute(f"SELECT why, count(*) FROM {LOSERS} GROUP BY why").fetchall())


def _apart(parted: Parted, repeats: Repeats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places in the good file of rows that have a held row's hash, and held rows that enter it at its end."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(parted.held.path, columns=[ROW, HASH])
    hashes, rows = table.column(HASH).to_numpy(), table.column(ROW).to_numpy()
    each, first, count = np.unique(hashes, return_index=True, return_counts=True)
    places, known = repeats.places(each)
    new = ~np.isin(each, known)
    order = np.argsort(first[new])
    fresh, several = rows[first[new]][order], count[new][order] > 1
    return np.concatenate([places, parted.good.rows + np.flatnonzero(several)]), fresh


def _create_rows(
    con: duckdb.DuckDBPyConnection, name: str, rows: npt.NDArray[np.int64], scratch: Path
) -> None:
    """A temporary table of numbers; by a file, since registering an array loads pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = scratch / f"{name}.parquet"
    pq.write_table(pa.table({ROW: pa.array(rows, pa.int64())}), file)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM read_parquet({quote_literal(file.as_posix())})")


def _is_complete(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether every row in the file wins and every held one loses."""
    loses = f"{ROW} IN (SELECT {ROW} FROM {LOSERS})"
    (wrong,) = con.execute(
        f"SELECT count(*) FROM {_CONTESTED} WHERE ({ROW} >= {_HELD}) <> ({loses})"
    ).fetchone() or (0,)
    return not wrong


def _write_again(
    con: duckdb.DuckDBPyConnection, contract: Contract, delivery: DeliveryId, parted: Parted, scratch: Path
) -> None:
    """Write the good file without rows that lost after all, and with held ones that did not."""
    names = settle.listed(contract.names)
    lost = f"(SELECT {ROW} FROM {LOSERS})"
    query = (
        f"SELECT {names} FROM {_numbered(parted.good.path)} WHERE file_row_number NOT IN {lost} UNION ALL "
        f"SELECT {names} FROM {_CONTESTED} WHERE {ROW} >= {_HELD} AND {ROW} NOT IN {lost}"
    )
    with good_rows(contract, delivery, scratch / "again.parquet") as again:
        for batch in batches(con, query, at_once=at_once_of(parted.good.path)):
            again.write(batch)
    again.path.replace(parted.good.path)
    again.path = parted.good.path
    parted.good = again


def _numbered(good: Path) -> str:
    return f"read_parquet({quote_literal(good.as_posix())}, file_row_number = true)"
