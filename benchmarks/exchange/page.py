"""`benchmarks/EXCHANGE.md`: every word and figure of it is written from one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from benchmarks.exchange.parts import parts_of
from benchmarks.exchange.ratios import MOST_BYTES, of, own_bytes, ratios
from benchmarks.exchange.rounds import Measured
from benchmarks.exchange.subjects import OPEN, RECIPIENT, SEAL, SUBJECTS
from benchmarks.peers.figures import figures

_INTRODUCTION = """\
# What the encrypted exchange costs

`make bench-exchange` generates a table of six columns (codes, a status, an amount, a moment, a pseudonym, a
text in Chinese), about 120 bytes a row decoded, and measures every line below on it, in rounds: everybody
once, then everybody again. That run writes this page; nothing of it is typed by hand. Ratios of one run
travel, seconds do not.

- Each line is a process of its own, which does the same with a thousand rows before its time counts.
  *Seconds* are the median of the runs, *spread* the fastest and the slowest. *CPU s*: processor seconds of
  the process and all its children, in the kernel too. *Memory*: the greatest sum of resident memory over
  the process and its children, looked at twenty times a second; *own*: the same without pages of mapped
  files, which the kernel takes back when it wants them.
- Before a figure counts, rows and a sum over each column of what came out are those of the table; the run
  ends otherwise.
- *Write*: the same Arrow stream from the disk to a file. Plain is pyarrow's `ParquetWriter` with zstd and
  row groups of as many rows. A set is durable (fsync), and proven before anything is signed: every module
  opened once more, every column read, and tried without its key.
- *Read*: all batches of all columns gone through and dropped. pyarrow takes all cores unless it is told
  otherwise; a cell is one process with one thread, started anew for each file, two at a time, after the
  file was hashed once more, and what it writes is validated on the other side. The memory of these lines is
  that of the comparison, too.
- *The whole way*: nine rows in ten and five columns of six. We scan through DuckDB in the order of a hash of
  the released columns (nothing else may be told by the order), seal, ship to a relay that is a folder, fetch,
  verify, open in cells into one plain file that is durable. By hand: DuckDB's `COPY` with the same filter
  and columns, unordered; `age`, a copy, `age -d`, a read by pyarrow.
- *A new recipient* of a set that is there gets a message and nothing else: keys out of the keyring, body,
  HPKE, two signatures (Ed25519 and ML-DSA-65). Policy and the one transaction of a release are not in it.
"""


@dataclass(frozen=True)
class Run:
    """What a page is of: one run, on a day, on a machine."""

    measured: Measured
    large: Measured | None
    machine: dict[str, Any]
    day: date


def page(run: Run) -> str:
    """The page as Markdown."""
    parts = (_INTRODUCTION, _targets(run), _costs(run), _lines(run), _memory(run), _recipients(run))
    texts = [part if isinstance(part, str) else "\n".join(part) for part in parts]
    return "\n".join(text.rstrip() + "\n" for text in texts)


def summary(run: Run) -> str:
    """What was meant and what is, for a terminal."""
    return "\n".join(_targets(run))


def _targets(run: Run) -> Iterator[str]:
    yield "## What was meant to be reached\n"
    yield from _table(("", "seconds", "CPU", "meant, at most"), _target_rows(run))
    yield ""
    yield _told(run)


def _target_rows(run: Run) -> Iterator[tuple[str, ...]]:
    for one in ratios(run.measured):
        missed = "" if one.reached else ", **missed**"
        most = "" if one.most is None else f"{one.most:.2f} ×"
        yield one.text, f"{one.found:.2f} ×{missed}", f"{one.cpu:.2f} ×", most
    for measured in _sizes(run):
        for name in (SEAL, OPEN):
            peak = of(measured, name).peak_bytes
            missed = "" if peak < MOST_BYTES else ", **missed**"
            text = f"memory of {SUBJECTS[name].title}, {measured.rows:,} rows"
            yield text, f"{peak / 10**9:.2f} GB{missed}", "", f"{MOST_BYTES / 10**9:.0f} GB"
    if run.large is None:
        yield "memory of a table eight times as large", "not measured in this run", "", ""


def _costs(run: Run) -> Iterator[str]:
    yield "## Which part costs what\n"
    yield "The share is of what each is compared with above; what is a difference of two lines says so.\n"
    rows = (
        (one.text, f"{one.seconds:.2f}", f"{one.share:.2f} ×", f"{one.cpu:.2f}")
        for one in parts_of(run.measured)
    )
    yield from _table(("", "seconds", "share", "CPU s"), rows)


def _lines(run: Run) -> Iterator[str]:
    yield "## Seconds\n"
    yield from _table(("", "seconds", "spread", "CPU s", "memory", "own", "steps"), _subject_rows(run))


def _subject_rows(run: Run) -> Iterator[tuple[str, ...]]:
    measured = run.measured
    for name, subject in SUBJECTS.items():
        if name == RECIPIENT:
            continue
        one = of(measured, name)
        steps = ", ".join(f"{step} {told['seconds']:.2f}" for step, told in one.steps.items())
        yield (
            subject.title,
            f"{one.seconds:.2f}",
            f"{one.fastest:.2f}–{one.slowest:.2f}",
            f"{one.cpu:.2f}",
            _mebibytes(one.peak_bytes),
            _mebibytes(own_bytes(measured, name)),
            steps if len(one.steps) > 1 else "",
        )


def _memory(run: Run) -> Iterator[str]:
    yield "## Memory\n"
    yield from _table(("", "rows", "decoded", "memory", "own", "seconds"), _memory_rows(run))


def _memory_rows(run: Run) -> Iterator[tuple[str, ...]]:
    for measured in _sizes(run):
        for name in (SEAL, OPEN):
            one = of(measured, name)
            size = f"{measured.decoded / 10**9:.2f} GB{'' if measured.plain else ', what leaves'}"
            peak, own = _mebibytes(one.peak_bytes), _mebibytes(own_bytes(measured, name))
            yield SUBJECTS[name].title, f"{measured.rows:,}", size, peak, own, f"{one.seconds:.1f}"


def _recipients(run: Run) -> Iterator[str]:
    yield "## A new recipient\n"
    runs = run.measured.runs[RECIPIENT]
    sizes = runs[0].counts or {}
    rows = (
        (name, f"{size:,}", f"{1000 * figures(runs, (name,)).seconds:.1f}") for name, size in sizes.items()
    )
    yield from _table(("granted, sealed to", "bytes of the message", "milliseconds"), rows)


def _told(run: Run) -> str:
    facts, measured = run.machine, run.measured
    engines = ", ".join(f"{name} {version}" for name, version in facts["engines"].items())
    return (
        f"Measured {run.day.isoformat()}: {measured.rows:,} rows, {measured.decoded / 10**9:.3f} GB decoded, "
        f"{measured.plain / 10**9:.3f} GB as plain Parquet, medians of {len(measured.runs[SEAL])}; "
        f"{facts['cores']} cores of {facts['processor']}, {facts['memory_gib']} GiB, {facts['system']}, "
        f"Python {facts['python']}, {engines}; load of the machine before {facts['load']:.2f}."
    )


def _sizes(run: Run) -> list[Measured]:
    return [one for one in (run.measured, run.large) if one is not None]


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |".replace("|  |", "| |")
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
