"""`make bench-peers`: the same file through Shanhai and its peers, a table of medians, and a page."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.peers.book import Book, record_series
from benchmarks.peers.catalogue import Subject, subjects
from benchmarks.peers.environments import make
from benchmarks.peers.machine import machine
from benchmarks.peers.page import page
from benchmarks.peers.process import offline
from benchmarks.peers.series import run_series
from benchmarks.peers.table import table

_ROWS = [1_000_000, 10_000_000]
_OUT = Path(__file__).parents[1] / "out" / "peers.json"


def main() -> int:
    """Measure, print, keep; 1 when a result was wrong."""
    arguments = _arguments()
    wanted = subjects(arguments.only)
    uv = Path(sys.prefix) / "uv" / "bin" / "uv"
    for subject in wanted:
        make(subject, uv)
    if arguments.prepare:
        return 0
    if not offline():
        _say("the system does not permit a process without a network: telemetry is off by settings alone")
    folder = Path(tempfile.mkdtemp(prefix="shanhai-peers-", dir=arguments.folder))
    book = Book.read(arguments.keep)
    wrong = False
    try:
        for rows in sorted(arguments.rows):
            load = os.getloadavg()[0]
            series = run_series(
                folder / str(rows),
                rows,
                wanted,
                repeat=arguments.repeat,
                limit_seconds=arguments.limit_seconds,
                once_above=arguments.once_above,
                expected=partial(_expected, book, rows),
                say=_say,
            )
            facts = {**machine(), "load": round(load, 2), "offline": bool(offline())}
            now = datetime.now(UTC)
            book.keep(record_series(series, facts, at=now, limit_seconds=arguments.limit_seconds))
            book.write(arguments.keep)
            shutil.rmtree(folder / str(rows))
            wrong = wrong or any(outcome.wrong for outcome in series.outcomes)
            if arguments.format == "text":
                print(table(book.sizes[rows]), flush=True)
    finally:
        shutil.rmtree(folder)
    if arguments.format == "json":
        print(json.dumps(book.plain(arguments.rows)))
    if arguments.page:
        arguments.page.write_text(page(book), encoding="utf-8")
    return int(wrong)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__)
    parser.add_argument(
        "--rows", type=_sizes, default=[1_000_000, 10_000_000], help="sizes, joined by commas"
    )
    parser.add_argument("--prepare", action="store_true", help="make the environments, measure nothing")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names, joined by commas")
    parser.add_argument("--limit-seconds", type=float, default=400, help="of one measurement")
    parser.add_argument(
        "--once-above", type=float, default=100, help="seconds; who takes more is measured once"
    )
    parser.add_argument("--folder", type=Path, help="where to work: needs ten times the size of the file")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--keep", type=Path, default=_OUT, help="where figures are kept, by size")
    parser.add_argument("--page", type=Path, help="the page to write from all figures that are kept")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return [int(size.replace("_", "")) for size in text.split(",")]


def _expected(book: Book, rows: int, subject: Subject) -> float | None:
    """Seconds by the rate at the next smaller size; None where there is none."""
    smaller = [size for size in book.sizes if size < rows and subject.name in book.sizes[size].figures]
    if not smaller:
        return None
    return book.sizes[max(smaller)].figures[subject.name].seconds * rows / max(smaller)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
