"""What became of rows: the parts of the balance, their sum, and what is not accounted for."""

from __future__ import annotations

from collections.abc import Iterable

from shanhai.ingest.books import Counts

PARTS = ("loaded", "quarantined", "duplicates", "superseded", "withheld")


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of all."""
    return sum(counts, start=Counts())


def difference(counts: Counts) -> int:
    """Rows that came in and are not accounted for; 0 when the balance holds."""
    return counts.rows_in - sum(int(getattr(counts, part)) for part in PARTS)


def bad_share(counts: Counts) -> float:
    """Quarantined rows as a share of the rows that came in, 0 to 1."""
    return counts.quarantined / counts.rows_in if counts.rows_in else 0.0
