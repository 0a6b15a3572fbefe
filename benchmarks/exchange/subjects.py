"""What is measured, each as a process: `python -m benchmarks.exchange.subjects NAME SOURCE WARM TARGET`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.exchange.by_hand import RECEIVED, by_hand
from benchmarks.exchange.carrying import OPENED, open_parcel, scan_alone, scan_unordered, seal
from benchmarks.exchange.handed import Handed
from benchmarks.exchange.reading import (
    read_in_a_cell,
    read_plain,
    read_plain_alone,
    read_sealed,
    sums_of_sealed,
)
from benchmarks.exchange.recipient import add_recipient
from benchmarks.exchange.table import CHOSEN, COLUMNS, Table, sums
from benchmarks.exchange.writing import write_plain, write_sealed, write_whole_set
from benchmarks.stopwatch import Stopwatch

Sums = dict[str, int]


@dataclass(frozen=True)
class Subject:
    """One measured process.

    Attributes:
        run: does it, from a table into an existing folder; returns what came, where nothing stays of it.
        left: the sums of what it left in that folder; None where `run` returns them.
        columns: whose sums must come out; none where no rows are touched.
    """

    name: str
    title: str
    run: Callable[[Table, Path, Stopwatch], Sums | None]
    left: Callable[[Path], Sums] | None = None
    columns: tuple[str, ...] = tuple(COLUMNS)


def _of_plain(target: Path) -> Sums:
    return _of_file(Table(target).plain, tuple(COLUMNS))


def _of_file(file: Path, columns: tuple[str, ...]) -> Sums:
    return sums(f"read_parquet('{file.as_posix()}')", file.parent, names=columns)


def _of_set(target: Path) -> Sums:
    return sums_of_sealed(Handed.read(target), target, target)


WRITE_PLAIN, WRITE_SEALED, WRITE_SET = "write-plain", "write-sealed", "write-set"
READ_PLAIN, READ_ALONE, READ_SEALED, READ_CELL = "read-plain", "read-plain-alone", "read-sealed", "read-cell"
SCAN, UNORDERED = "scan", "scan-unordered"
SEAL, OPEN, BY_HAND, RECIPIENT = "seal", "open", "by-hand", "recipient"

SUBJECTS = {
    one.name: one
    for one in (
        Subject(WRITE_PLAIN, "pyarrow, plain zstd Parquet", write_plain, _of_plain),
        Subject(WRITE_SEALED, "encrypted files alone", write_sealed, _of_set),
        Subject(WRITE_SET, "a set: durable and proven", write_whole_set, _of_set),
        Subject(READ_PLAIN, "pyarrow, a plain file", read_plain),
        Subject(READ_ALONE, "the same on one thread", read_plain_alone),
        Subject(READ_SEALED, "decrypted without a cell", read_sealed),
        Subject(READ_CELL, "decrypted in a cell", read_in_a_cell),
        Subject(UNORDERED, "scan alone, in no order", scan_unordered, columns=CHOSEN),
        Subject(SCAN, "scan alone, in order", scan_alone, columns=CHOSEN),
        Subject(SEAL, "scan, seal, ship", seal, _of_set, CHOSEN),
        Subject(OPEN, "fetch, open", open_parcel, lambda to: _of_file(to / OPENED, CHOSEN), CHOSEN),
        Subject(BY_HAND, "by hand", by_hand, lambda to: _of_file(to / RECEIVED, CHOSEN), CHOSEN),
        Subject(RECIPIENT, "a new recipient", add_recipient, columns=()),
    )
}


def main(name: str, source: Path, warm: Path, target: Path) -> None:
    """Do it with a small table first, so that imports are not measured; then measure."""
    subject = SUBJECTS[name]
    for part in (target / "warm", target / "done"):
        part.mkdir(parents=True)
    subject.run(Table(warm), target / "warm", Stopwatch())
    watch = Stopwatch()
    counts = subject.run(Table(source), target / "done", watch)
    watch.tell(counts=counts)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
