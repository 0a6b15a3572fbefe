"""The limit, as a process: `python -m benchmarks.peers.plain.limit SOURCE WARM TARGET`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.limit import copy_typed

if __name__ == "__main__":
    source, warm, target = map(Path, sys.argv[1:])
    target.mkdir()
    copy_typed(warm, target / "warm.parquet").tell()
    copy_typed(source, target / "events.parquet").tell()
