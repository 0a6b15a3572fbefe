"""The same by hand: DuckDB's COPY of the same rows and columns, `age`, a copy, `age` again, and a read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.exchange.reading import went_through
from benchmarks.exchange.table import CHOSEN, FILTER, Table
from benchmarks.stopwatch import Stopwatch

RECEIVED = "received.parquet"
_PROGRAMS = ("age", "age-keygen")


def lacking() -> tuple[str, ...]:
    """Programs that are not installed."""
    return tuple(name for name in _PROGRAMS if shutil.which(name) is None)


def by_hand(table: Table, target: Path, watch: Stopwatch) -> None:
    """One key, all columns under it; nothing is signed, ordered, proven or written down."""
    import duckdb
    import pyarrow.parquet as pq

    key, leaves = target / "key", target / "leaves.parquet"
    locked, carried, received = target / "leaves.age", target / "carried.age", target / RECEIVED
    _run("age-keygen", "-o", key)
    recipient = _run("age-keygen", "-y", key).strip()
    with watch.step("copy out"):
        spill = (target / "spill").as_posix()
        with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": spill}) as con:
            query = f"SELECT {', '.join(CHOSEN)} FROM {table.relation} WHERE {FILTER}"
            con.execute(f"COPY ({query}) TO '{leaves.as_posix()}' (FORMAT parquet, COMPRESSION zstd)")
    with watch.step("age"):
        _run("age", "-r", recipient, "-o", locked, leaves)
    with watch.step("carry"):
        shutil.copyfile(locked, carried)
    with watch.step("age -d"):
        _run("age", "-d", "-i", key, "-o", received, carried)
    with watch.step("read"), pq.ParquetFile(received) as parquet:
        went_through(parquet.iter_batches())


def _run(*command: str | Path) -> str:
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout
