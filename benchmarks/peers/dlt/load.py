"""`python -m benchmarks.peers.dlt.load SOURCE WARM TARGET arrow|objects duckdb|delta`."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from benchmarks.peers.arrow_csv import open_batches
from benchmarks.peers.texts import typed_records
from benchmarks.stopwatch import Stopwatch

_PAGE = 5000
_BLOCK = 32 << 20
"""Of 1, 8 and 32 MiB this took the least processor time, for each batch is written by itself."""
_WORKERS = {"EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "100000", "NORMALIZE__WORKERS": "2"}
"""The documentation advises both for objects: several files, so that several processes normalize them."""


def run(source: Path, folder: Path, *, path: str, into: str) -> Stopwatch:
    """One pipeline run into a fresh destination below `folder`."""
    folder.mkdir(parents=True)
    items = open_batches(source, block=_BLOCK) if path == "arrow" else _pages(source)
    destination: Any
    if into == "duckdb":
        # The documentation of the destination advises Parquet: loading from it is faster.
        destination = dlt.destinations.duckdb((folder / "events.duckdb").as_posix())
        layout = {"loader_file_format": "parquet"}
    else:
        destination = dlt.destinations.filesystem((folder / "lake").as_posix())
        layout = {"table_format": "delta"}
    watch = Stopwatch()
    with watch.step("run"):
        pipeline = dlt.pipeline(
            "events", destination=destination, dataset_name="bench", pipelines_dir=(folder / "dlt").as_posix()
        )
        pipeline.run(dlt.resource(items, name="events"), write_disposition="append", **layout)
    return watch


def _pages(source: Path) -> Iterator[list[dict[str, object]]]:
    records = typed_records(source)
    while page := list(itertools.islice(records, _PAGE)):
        yield page


if __name__ == "__main__":
    source, warm, target = map(Path, sys.argv[1:4])
    path, into = sys.argv[4:]
    if path == "objects":
        os.environ.update(_WORKERS)
    run(warm, target / "warm", path=path, into=into).tell()
    run(source, target / "run", path=path, into=into).tell()
