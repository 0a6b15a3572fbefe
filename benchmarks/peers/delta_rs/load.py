"""`python -m benchmarks.peers.delta_rs.load SOURCE WARM TARGET`: an Arrow reader over the file, appended."""

from __future__ import annotations

import sys
from pathlib import Path

from deltalake import write_deltalake

from benchmarks.peers.arrow_csv import open_batches
from benchmarks.stopwatch import Stopwatch

_BLOCK = 1 << 20
"""Of 1, 8 and 64 MiB this was the fastest: reading and writing go on beside each other."""


def append(source: Path, table: Path) -> Stopwatch:
    """One append, one commit."""
    watch = Stopwatch()
    with watch.step("append"):
        write_deltalake(table, open_batches(source, block=_BLOCK), mode="append")
    return watch


if __name__ == "__main__":
    source, warm, target = map(Path, sys.argv[1:])
    append(warm, target / "warm").tell()
    append(source, target / "events").tell()
