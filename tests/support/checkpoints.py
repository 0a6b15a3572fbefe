"""Checkpoints of Delta tables: one at every hundredth commit, or as often as a property says."""

from __future__ import annotations

import json
from pathlib import Path

from deltalake import DeltaTable


def let_checkpoints_come(home: Path, *, every: int) -> None:
    """From now on each table of a home gets one after so many commits; in service after a hundred."""
    for log in (*home.glob("lake/*/*/_delta_log"), *home.glob("marts/*/_delta_log")):
        table = DeltaTable(log.parent.as_posix())
        table.alter.set_table_properties({"delta.checkpointInterval": str(every)})


def checkpoints(table: Path) -> list[int]:
    """The versions of a table that have a checkpoint."""
    return sorted(int(file.name.partition(".")[0]) for file in table.glob("_delta_log/*.checkpoint.parquet"))


def last_checkpoint(table: Path) -> int | None:
    """The version that readers begin with, as the table says."""
    file = table / "_delta_log" / "_last_checkpoint"
    return int(json.loads(file.read_bytes())["version"]) if file.is_file() else None
