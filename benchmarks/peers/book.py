"""Figures that are kept from run to run, by size, so that a long run completes a short one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.catalogue import PANDAS_GX, SHANHAI
from benchmarks.peers.figures import Figures, figures
from benchmarks.peers.series import Series

CHECK = "check alone"
"""Shanhai's second count: it reads the texts again."""
VALIDATE = "validate alone"
"""Great Expectations over a frame that is in memory already."""
WITH_SNAPSHOT = "with the snapshot"


@dataclass(frozen=True)
class Size:
    """Medians by subject at one size.

    Attributes:
        figures: also of parts: `CHECK`, `VALIDATE`, `WITH_SNAPSHOT`.
        left_out: by subject, why it was not measured as often as asked for.
        wrong: by subject, how its result differed.
        counts: by rule, what plain DuckDB counts; whoever counted and is not in `wrong` found the same.
    """

    rows: int
    bytes: int
    measured: str
    machine: dict[str, Any]
    limit_seconds: float
    figures: dict[str, Figures]
    left_out: dict[str, str]
    wrong: dict[str, str]
    counts: dict[str, int]


class Book:
    """All sizes that were measured, each with its day and machine."""

    def __init__(self, sizes: dict[int, Size] | None = None) -> None:
        self.sizes = dict(sizes or {})

    @classmethod
    def read(cls, path: Path) -> Book:
        """What was kept; nothing when there is no file."""
        if not path.is_file():
            return cls()
        known = json.loads(path.read_text(encoding="utf-8"))
        return cls({size["rows"]: _size(size) for size in known})

    def keep(self, size: Size) -> None:
        """Replace what was measured at this size before."""
        self.sizes[size.rows] = size

    def write(self, path: Path) -> None:
        """Keep all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.plain(self.sizes), indent=1) + "\n", encoding="utf-8")

    def plain(self, rows: Iterable[int]) -> list[dict[str, Any]]:
        """For JSON, in the order of sizes."""
        return [asdict(self.sizes[size]) for size in sorted(rows)]


def record_series(series: Series, machine: dict[str, Any], *, at: datetime, limit_seconds: float) -> Size:
    """The medians of a series."""
    measured = {one.subject.name: one for one in series.outcomes if one.runs}
    known = {name: figures(one.runs, one.subject.steps) for name, one in measured.items()}
    if SHANHAI in measured:
        runs = measured[SHANHAI].runs
        known |= {WITH_SNAPSHOT: figures(runs), CHECK: figures(runs, ("check",))}
    if PANDAS_GX in measured:
        known[VALIDATE] = figures(measured[PANDAS_GX].runs, ("validate",))
    return Size(
        rows=series.rows,
        bytes=series.bytes,
        measured=at.date().isoformat(),
        machine=machine,
        limit_seconds=limit_seconds,
        figures=known,
        left_out={one.subject.name: one.left_out for one in series.outcomes if one.left_out},
        wrong={one.subject.name: one.wrong for one in series.outcomes if one.wrong},
        counts=series.truth.counts,
    )


def _size(known: dict[str, Any]) -> Size:
    return Size(**{**known, "figures": {name: Figures(**one) for name, one in known["figures"].items()}})
