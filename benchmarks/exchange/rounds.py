"""Everybody once, then everybody again; nothing counts whose rows and sums are not those of the table."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.exchange.carrying import seal
from benchmarks.exchange.handed import Handed
from benchmarks.exchange.subjects import OPEN, SEAL, SUBJECTS, Subject, Sums
from benchmarks.exchange.table import CHOSEN, FILTER, ROW_BYTES, Table, generate, sums
from benchmarks.exchange.writing import write_plain, write_whole_set
from benchmarks.peers.process import Run, measure
from benchmarks.stopwatch import Stopwatch

_ROOT = Path(__file__).parents[2]
_WARM_ROWS = 1000
Say = Callable[[str], None]


class OtherRowsError(Exception):
    """What came out is not what went in: no figure of the run counts."""


@dataclass(frozen=True)
class Measured:
    """One table.

    Attributes:
        decoded: bytes of all its values; of a table for memory alone, of those that leave.
        plain: bytes of the plain file; 0 where none was written.
        runs: by the name of the subject.
    """

    rows: int
    decoded: int
    plain: int
    runs: dict[str, list[Run]]


def measure_all(
    folder: Path,
    megabytes: float,
    *,
    repeat: int,
    limit_seconds: float,
    say: Say,
    subjects: Sequence[Subject] = tuple(SUBJECTS.values()),
) -> Measured:
    """Every subject on a table of about so many megabytes, decoded, in rounds.

    Raises:
        OtherRowsError: a result was wrong.
        TookTooLongError, subprocess.CalledProcessError: of a measured process.
    """
    rows = _rows(megabytes)
    table, warm = Table(folder / "table"), Table(folder / "warm")
    for one, count in ((warm, _WARM_ROWS), (table, rows)):
        say(f"writing {count:,} rows, plain and sealed")
        _prepare(one, count)
    runs: dict[str, list[Run]] = {one.name: [] for one in subjects}
    for turn in range(1, repeat + 1):
        for subject in subjects:
            run = _once(subject, table, warm, folder / "run", limit_seconds)
            shutil.rmtree(folder / "run")
            runs[subject.name].append(run)
            say(f"{turn} of {repeat}: {subject.title}: {run.seconds():.3f} s")
    return Measured(rows, Handed.read(table.sealed).decoded, table.plain.stat().st_size, runs)


def measure_memory(folder: Path, megabytes: float, *, limit_seconds: float, say: Say) -> Measured:
    """Sender and recipient once, on a table that is large; raises as `measure_all`."""
    rows = _rows(megabytes)
    table, warm = Table(folder / "large"), Table(folder / "large-warm")
    _prepare(warm, _WARM_ROWS)
    say(f"writing {rows:,} rows")
    generate(table, rows, stream=False)
    runs: dict[str, list[Run]] = {}
    for name in (SEAL, OPEN):
        runs[name] = [_once(SUBJECTS[name], table, warm, folder / "run", limit_seconds)]
        say(f"{SUBJECTS[name].title}: {runs[name][0].seconds():.1f} s")
        if name == SEAL:
            (folder / "run" / "target" / "done").rename(table.parcel)
        shutil.rmtree(folder / "run")
    decoded = Handed.read(table.parcel).decoded
    shutil.rmtree(table.folder)
    return Measured(rows, decoded, 0, runs)


def _rows(megabytes: float) -> int:
    return max(1, round(megabytes * 10**6 / ROW_BYTES))


def _prepare(table: Table, rows: int) -> None:
    """The table in every form that a subject reads."""
    generate(table, rows, stream=True)
    for folder in (table.sealed, table.parcel):
        folder.mkdir()
    write_plain(table, table.folder, Stopwatch())
    write_whole_set(table, table.sealed, Stopwatch())
    seal(table, table.parcel, Stopwatch())


def _once(subject: Subject, table: Table, warm: Table, scratch: Path, limit_seconds: float) -> Run:
    scratch.mkdir()
    os.sync()  # what others wrote is not to be waited for by this one
    target = scratch / "target"
    module = "benchmarks.exchange.subjects"
    arguments = (subject.name, *(str(one) for one in (table.folder, warm.folder, target)))
    command = [sys.executable, "-m", module, *arguments]
    run = measure(command, root=_ROOT, scratch=scratch, limit_seconds=limit_seconds)
    if subject.columns:
        came = subject.left(target / "done") if subject.left else run.counts or {}
        must = _must_come(table, subject.columns)
        if came != must:
            raise OtherRowsError(f"{subject.name}: {_differing(came, must)}")
    return run


@functools.cache
def _must_come(table: Table, columns: tuple[str, ...]) -> Sums:
    """The sums of the table itself; where not all columns leave, not all rows do."""
    leaving = f" WHERE {FILTER}" if columns == CHOSEN else ""
    return sums(f"{table.relation}{leaving}", table.folder, names=columns)


def _differing(came: Sums, must: Sums) -> str:
    names = sorted(name for name in must if came.get(name) != must[name])
    return ", ".join(f"{name} {came.get(name)} instead of {must[name]}" for name in names) or "other columns"
