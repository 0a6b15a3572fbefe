"""The file as Arrow batches, for the peers that take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.texts import TEXTS

if TYPE_CHECKING:
    import pyarrow.csv


def open_batches(source: Path, *, block: int) -> pyarrow.csv.CSVStreamingReader:
    """Read as it comes, with all threads; types are given, so that no block guesses others than the first.

    Args:
        block: bytes that become one batch.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {
        **dict.fromkeys(TEXTS, pa.string()),
        "solved_at": pa.timestamp("us"),
        "minutes": pa.int32(),
        "level_db": pa.float64(),
    }
    return csv.open_csv(
        source,
        read_options=csv.ReadOptions(block_size=block),
        convert_options=csv.ConvertOptions(column_types=types),
    )
