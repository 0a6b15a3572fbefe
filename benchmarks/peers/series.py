"""All subjects over one file, in rounds, each result compared with what must come out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.catalogue import SHANHAI, Subject
from benchmarks.peers.environments import interpreter
from benchmarks.peers.process import Run, TookTooLongError, measure
from benchmarks.peers.truth import Truth, count_parquet, sums_of, truth_of
from benchmarks.walk import prepare
from benchmarks.workload import write_csv

_ROOT = Path(__file__).parents[2]
_WARM_ROWS = 1000


@dataclass
class Outcome:
    """The runs of one subject, why there are fewer than asked for, and what was wrong with a result."""

    subject: Subject
    runs: list[Run] = field(default_factory=list)
    left_out: str | None = None
    wrong: str | None = None


@dataclass
class Series:
    """One size: the file's bytes, what is true of it, and everybody's outcome."""

    rows: int
    bytes: int
    truth: Truth
    outcomes: list[Outcome]


def run_series(
    folder: Path,
    rows: int,
    wanted: Sequence[Subject],
    *,
    repeat: int,
    limit_seconds: float,
    once_above: float,
    expected: Callable[[Subject], float | None],
    say: Callable[[str], None],
) -> Series:
    """Measure everybody once, then everybody again, so that a slow hour of the machine falls on all.

    Args:
        folder: does not exist.
        limit_seconds: a process that takes longer is ended, and its subject left out.
        once_above: seconds; who takes more is not measured again.
        expected: seconds that a subject will take, where a smaller file tells; it is left out when they are
            more than the limit.
    """
    federation = folder / "federation"
    prepare(federation)
    source, warm = federation / "data" / "big.csv", folder / "warm.csv"
    say(f"writing {rows:,} rows")
    write_csv(source, rows)
    write_csv(warm, _WARM_ROWS)
    say("finding out what must come out of them")
    truth = truth_of(source, folder)
    outcomes = [Outcome(subject) for subject in wanted]
    for outcome in outcomes:
        seconds = expected(outcome.subject)
        if seconds is not None and seconds > limit_seconds:
            outcome.left_out = f"would take {seconds:,.0f} s, by its rate on fewer rows"
    for turn in range(1, repeat + 1):
        for outcome in (one for one in outcomes if one.left_out is None):
            started = time.monotonic()
            _once(outcome, folder / "run", source, warm, truth, limit_seconds)
            took = f"{outcome.runs[-1].seconds(*outcome.subject.steps):.2f} s" if outcome.runs else ""
            state = outcome.wrong or outcome.left_out or took
            say(f"{rows:,} rows, {turn} of {repeat}: {outcome.subject.title}: {state}")
            say(f"  … and {time.monotonic() - started:.0f} s in all")
            outcome.left_out = outcome.left_out or _enough(outcome, once_above, left=repeat - turn)
    return Series(rows, source.stat().st_size, truth, outcomes)


def _enough(outcome: Outcome, once_above: float, *, left: int) -> str | None:
    seconds = outcome.runs[-1].seconds(*outcome.subject.steps)
    if left and seconds > once_above:
        return f"took more than {once_above:,.0f} s, and was not measured again"
    return None


def _once(
    outcome: Outcome, scratch: Path, source: Path, warm: Path, truth: Truth, limit_seconds: float
) -> None:
    subject = outcome.subject
    scratch.mkdir()
    os.sync()  # what others wrote is not to be waited for by this one
    target = scratch / "target"
    arguments = (source.as_posix(), warm.as_posix(), target.as_posix(), *subject.arguments)
    others = (interpreter(name).as_posix() for name in subject.needs)
    command = [interpreter(subject.environment).as_posix(), "-m", subject.module, *arguments, *others]
    try:
        run = measure(command, root=_ROOT, scratch=scratch, limit_seconds=limit_seconds)
        outcome.wrong = _difference(subject, target, run, truth, scratch) or outcome.wrong
        outcome.runs.append(run)
    except TookTooLongError:
        outcome.left_out = f"took more than {limit_seconds:,.0f} s"
    except subprocess.CalledProcessError as error:
        outcome.left_out = f"failed with exit code {error.returncode}"
        print(error.stderr, file=sys.stderr)
    finally:
        shutil.rmtree(scratch)


def _difference(subject: Subject, target: Path, run: Run, truth: Truth, scratch: Path) -> str | None:
    """How a result differs from what must have come out; None when it does not."""
    must = {"all": truth.all, "typed": truth.typed, "good": truth.good}[subject.rows]
    found = sums_of(subject.form, target / subject.place, scratch, zone=subject.zone)
    wrong = [f"{name} {found[name]} instead of {must[name]}" for name in must if found[name] != must[name]]
    if run.counts is not None and run.counts != truth.counts:
        wrong.append(f"counts of rules {run.counts} instead of {truth.counts}")
    if subject.name == SHANHAI:
        kept = count_parquet(sorted((target / "home" / "quarantine").glob("*.parquet")), scratch)
        if kept != truth.quarantined:
            wrong.append(f"{kept} rows in quarantine instead of {truth.quarantined}")
    return "; ".join(wrong) or None
