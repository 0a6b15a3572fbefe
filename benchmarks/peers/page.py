"""`benchmarks/PEERS.md`: every word and figure of it is written from figures that were kept."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.peers.book import CHECK, VALIDATE, Book, Size
from benchmarks.peers.catalogue import LIMIT, SHANHAI, SUBJECTS, Subject
from benchmarks.peers.costs import costs
from benchmarks.peers.environments import versions
from benchmarks.peers.figures import times_as_fast
from benchmarks.peers.table import markdown
from benchmarks.peers.targets import targets_table

_INTRODUCTION = """\
# Beside the peers

`make bench-peers` writes the file of [`make bench`](RESULTS.md): eight columns, about 100 bytes a row, one
row in a hundred bad in one of five ways, one in a thousand twice. Everybody loads the same file on the same
machine, in rounds: everybody once, then everybody again. That run writes this page; nothing of it is typed
by hand.

**These are different jobs.** Shanhai checks every row against ten rules twice, keeps refused rows whole,
finds duplicates and books what became of each row. Most peers check nothing and load bad rows with the good
ones; what each does and leaves stands below the figures. Each is used as its documentation advises for
speed.

- *n*: how many runs there were; who is slow is measured once. *Seconds* are the median of the runs, *spread*
  the fastest and the slowest. *Of the limit*: rows per second, as a part of the limit's. *Shanhai is*: how
  many times as many rows per second it takes. *CPU s*: processor seconds of the process and all its
  children, in the kernel too. *Memory*: the greatest sum of resident memory over the process and its
  children, looked at twenty times a second; what they share counts for each; median of the runs.
- Libraries start, import and load a thousand rows before their time counts, and so does Shanhai. Programs
  (Sling, Singer) count from their start to their end.
- Shanhai reads what it has snapshotted. The snapshot is one more reading and writing of the file, at the
  speed of the disk; no peer keeps one. A line of the table counts it.
- Peers get `reported_at` as text: two in a thousand of its values are no timestamp, and a typed load would
  stop at the first. The limit drops those rows. Other columns have the types that are given or found.
- Parquet files are compressed by zstd; those of delta-rs and dlt by snappy, which is their default and
  faster.
- Every result of every run is compared with the file by plain DuckDB: number of rows, and a checksum of
  each column. Of Shanhai's, the good rows, each once, and the number of refused ones. Rule by rule,
  staging, Great Expectations on DuckDB, Great Expectations on pandas and plain SQL must count the same.
- Nobody has a network while it is measured, and telemetry is off.
"""


def page(book: Book) -> str:
    """The page in Markdown."""
    parts = [_INTRODUCTION]
    if not book.sizes:
        parts.append("No figures yet: `make bench-peers` writes them, on a machine that does nothing else.\n")
    else:
        parts.append("\n".join(_targets(book)))
    smaller: Size | None = None
    for rows in sorted(book.sizes):
        parts.append("\n".join(_size(book.sizes[rows], smaller)))
        smaller = book.sizes[rows]
    parts.append("\n".join(_peers()))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _targets(book: Book) -> Iterator[str]:
    yield "## What was meant to be reached\n"
    yield "With every check on, without the snapshot:\n"
    yield from targets_table(book)
    if missed := list(costs(book)):
        yield "\nWhat costs those that are missed, of the seconds of stage, check and load:\n"
        yield from missed
    yield (
        "\nAll parts stand below each table of figures, beside the limit's time. What within staging and the "
        "check takes how much: [what costs most](RESULTS.md#what-costs-most)."
    )


def _size(size: Size, smaller: Size | None) -> Iterator[str]:
    yield f"## {_millions(size.rows)} rows\n"
    yield markdown(size) + "\n"
    asked = {one.runs for one in size.figures.values()} or {0}
    runs = "one run each" if asked == {1} else f"medians of {max(asked)} runs"
    runs += ", of *n* where those are fewer" if len(asked) > 1 else ""
    facts = size.machine
    engines = ", ".join(f"{name} {version}" for name, version in facts["engines"].items())
    alone = "without a network" if facts["offline"] else "telemetry off by settings, the network there"
    yield (
        f"Measured {size.measured}: {size.bytes / 1e9:.2f} GB, {runs}, at most "
        f"{size.limit_seconds:,.0f} s a measurement, {facts['cores']} cores of {facts['processor']}, "
        f"{facts['memory_gib']} GiB, {facts['system']}, Python {facts['python']}, {engines}; "
        f"load of the machine before {facts['load']:.2f}; {alone}.\n"
    )
    titles = {subject.name: subject.title for subject in SUBJECTS}
    for name, why in size.left_out.items():
        yield f"- {titles[name]} {why}."
    for name, what in size.wrong.items():
        yield f"- **The result of {titles[name]} was wrong**: {what}."
    if size.left_out or size.wrong:
        yield ""
    if smaller is not None:
        yield from _not_asked(size, smaller)
    yield from _parts(size)
    yield from _rules(size)


def _not_asked(size: Size, smaller: Size) -> Iterator[str]:
    """Whom this run left out by name, with what they took of fewer rows: that says why."""
    absent = [
        f"{subject.title} ({one.seconds:,.0f} s, {one.peak_bytes / 2**20:,.0f} MiB)"
        for subject in SUBJECTS
        if subject.name not in size.figures | size.left_out
        and (one := smaller.figures.get(subject.name)) is not None
    ]
    if absent:
        fewer = f"{_millions(smaller.rows)} rows"
        yield f"Not measured at this size, with what they took of {fewer}: {', '.join(absent)}.\n"


def _parts(size: Size) -> Iterator[str]:
    ours, limit = size.figures.get(SHANHAI), size.figures.get(LIMIT)
    if ours is None or limit is None:
        return
    told = [
        f"{name} {step['seconds']:.2f} s ({step['seconds'] / limit.seconds:.2f} × the limit's time)"
        for name, step in ours.steps.items()
    ]
    yield f"Shanhai's parts: {', '.join(told)}.\n"


def _rules(size: Size) -> Iterator[str]:
    if not {CHECK, VALIDATE} <= size.figures.keys():
        return
    factor = times_as_fast(size.figures[CHECK], size.figures[VALIDATE])
    broken = ", ".join(f"`{rule}` {count:,}" for rule, count in size.counts.items() if count)
    none = sum(not count for count in size.counts.values())
    yield (
        f"Validation alone: Shanhai's check, which reads the texts again, takes {factor:.2f} times as many "
        "rows per second as Great Expectations over a frame that lies in memory. Rows that break a rule, by "
        f"everybody's count: {broken}; the other {none} rules none.\n"
    )


def _peers() -> Iterator[str]:
    yield "## Who was measured\n"
    yield "| | version | used | checks | does not |"
    yield "|---|---|---|---|---|"
    for subject in SUBJECTS:
        cells = (subject.title, _versions(subject), subject.used, subject.checks, subject.lacks)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _versions(subject: Subject) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions(subject).items())


def _millions(rows: int) -> str:
    return f"{rows // 1_000_000:,} million" if rows % 1_000_000 == 0 else f"{rows:,}"
