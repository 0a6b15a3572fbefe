"""The columns of the file as peers are told of them; the standard library alone.

`reported_at` stays text everywhere: two in a thousand of its values are no timestamp, and a peer that checks
nothing would stop at the first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

TEXTS = ("event_id", "area_code", "channel", "reported_at", "place")


def typed_records(source: Path) -> Iterator[dict[str, object]]:
    """The rows as Python objects: numbers are numbers, an empty number is None."""
    with source.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            record: dict[str, object] = dict(row)
            record["minutes"] = int(row["minutes"])
            record["level_db"] = float(row["level_db"]) if row["level_db"] else None
            yield record
