"""The figures of a run beside what was meant to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.exchange.rounds import Measured
from benchmarks.exchange.subjects import (
    BY_HAND,
    OPEN,
    READ_ALONE,
    READ_CELL,
    READ_PLAIN,
    READ_SEALED,
    SEAL,
    WRITE_PLAIN,
    WRITE_SEALED,
    WRITE_SET,
)
from benchmarks.peers.figures import Figures, figures

MOST_BYTES = 10**9
"""Of memory, whatever the size of the table."""


@dataclass(frozen=True)
class Ratio:
    """How many times as long some subjects take as others, by medians of one run.

    Attributes:
        found: of seconds.
        cpu: of processor seconds, which tell more where cores are taken by others.
        most: what was meant of `found`; None where the line only explains another.
    """

    text: str
    found: float
    cpu: float
    most: float | None = None

    @property
    def reached(self) -> bool:
        """Whether it is what was meant."""
        return self.most is None or self.found <= self.most


def ratios(measured: Measured) -> Iterator[Ratio]:
    """Every comparison of a run."""
    durable = of(measured, WRITE_PLAIN)
    plain = of(measured, WRITE_PLAIN, "write")
    of_set, encrypted = of(measured, WRITE_SET), of(measured, WRITE_SEALED)
    yield _ratio("writing a set, beside plain zstd Parquet", [of_set], plain, 1.05)
    yield _ratio("… the encrypted files alone", [encrypted], plain)
    yield _ratio("… a set, beside plain Parquet with an fsync", [of_set], durable)
    read, alone = of(measured, READ_PLAIN), of(measured, READ_ALONE)
    cell, bare = of(measured, READ_CELL), of(measured, READ_SEALED)
    yield _ratio("opening in a cell, beside reading plain Parquet", [cell], read, 1.1)
    yield _ratio("… without a cell", [bare], read)
    yield _ratio("… in a cell, beside reading on one thread", [cell], alone)
    yield _ratio("… without a cell, beside reading on one thread", [bare], alone)
    ours = [of(measured, SEAL), of(measured, OPEN)]
    yield _ratio("seal → open, beside the same by hand", ours, of(measured, BY_HAND), 1.5)


def _ratio(text: str, ours: Sequence[Figures], other: Figures, most: float | None = None) -> Ratio:
    # Processor time is counted in hundredths of a second: a tiny run may have none.
    seconds, busy = sum(one.seconds for one in ours), sum(one.cpu for one in ours)
    return Ratio(text, seconds / other.seconds, busy / (other.cpu or 0.01), most)


def of(measured: Measured, name: str, *steps: str) -> Figures:
    """The medians of a subject."""
    return figures(measured.runs[name], steps)


def own_bytes(measured: Measured, name: str) -> int:
    """The median of the memory that is of no file and not shared."""
    return round(statistics.median(run.own_bytes for run in measured.runs[name]))
