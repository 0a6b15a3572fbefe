"""The limit: the bare typed read of the file to one zstd Parquet file; nobody beats it by DuckDB."""

from __future__ import annotations

from pathlib import Path

from benchmarks.stopwatch import Stopwatch
from benchmarks.workload import typed_reader


def copy_typed(source: Path, target: Path) -> Stopwatch:
    """Read with the threads and the memory that Shanhai has."""
    import duckdb

    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
    watch = Stopwatch()
    with watch.step("copy"):
        con.execute(
            f"COPY (SELECT * FROM {typed_reader(source)}) TO '{target.as_posix()}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
    return watch
