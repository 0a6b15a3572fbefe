"""Medians of runs, and how they compare."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers.process import Run


@dataclass(frozen=True)
class Figures:
    """Medians over the runs of one subject at one size; the slowest and the fastest tell the spread."""

    runs: int
    seconds: float
    fastest: float
    slowest: float
    cpu: float
    peak_bytes: int
    steps: dict[str, dict[str, float]]

    def rate(self, rows: int) -> float:
        """Rows per second."""
        return rows / self.seconds

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def figures(runs: Sequence[Run], steps: Sequence[str] = ()) -> Figures:
    """The medians of runs, of the named steps or of all.

    Raises:
        statistics.StatisticsError: there is no run.
    """
    seconds = [run.seconds(*steps) for run in runs]
    return Figures(
        runs=len(runs),
        seconds=statistics.median(seconds),
        fastest=min(seconds),
        slowest=max(seconds),
        cpu=statistics.median(run.cpu(*steps) for run in runs),
        peak_bytes=round(statistics.median(run.peak_bytes for run in runs)),
        steps={
            name: {
                kind: statistics.median(run.steps[name][kind] for run in runs) for kind in ("seconds", "cpu")
            }
            for name in runs[0].steps
        },
    )


def times_as_fast(one: Figures, other: Figures) -> float:
    """How many times as many rows per second `one` takes as `other`, on the same file."""
    return other.seconds / one.seconds
