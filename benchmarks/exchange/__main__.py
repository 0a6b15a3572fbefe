"""`make bench-exchange`: what sealing and opening cost beside plain files and `age` by hand, and a page."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.exchange.by_hand import lacking
from benchmarks.exchange.page import Run, page, summary
from benchmarks.exchange.rounds import OtherRowsError, measure_all, measure_memory
from benchmarks.peers.machine import machine

_LARGER = 8


def main() -> int:
    """Measure, print, write the page; 1 when something failed or other rows came out, 2 without `age`."""
    arguments = _arguments()
    if gone := lacking():
        _say(f"not installed: {', '.join(gone)} (Debian's package age)")
        return 2
    facts = {**machine(), "load": os.getloadavg()[0]}
    folder = Path(tempfile.mkdtemp(prefix="shanhai-exchange-", dir=arguments.folder))
    try:
        for run in _measured(folder, arguments, facts):
            _tell(run, arguments.page)
    except OtherRowsError as error:
        _say(f"no figure counts: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        _say(f"a measured process failed: {error.stderr}")
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


def _measured(folder: Path, arguments: argparse.Namespace, facts: dict[str, object]) -> Iterator[Run]:
    """What is known after each part."""
    limit, size, day = arguments.limit_seconds, arguments.megabytes, datetime.now(UTC).date()
    measured = measure_all(folder, size, repeat=arguments.repeat, limit_seconds=limit, say=_say)
    yield Run(measured, None, facts, day)
    if arguments.long:
        shutil.rmtree(folder / "table")
        large = measure_memory(folder, _LARGER * size, limit_seconds=limit, say=_say)
        yield Run(measured, large, facts, day)


def _tell(run: Run, file: Path | None) -> None:
    print(summary(run), flush=True)
    if file:
        file.write_text(page(run), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-exchange", description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000, help="of the table, decoded, about")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="memory with a table eight times as large, too")
    parser.add_argument("--limit-seconds", type=float, default=3600, help="of one measurement")
    parser.add_argument(
        "--folder", type=Path, help="where to work: needs six times the size of the table, or 25"
    )
    parser.add_argument("--page", type=Path, help="the page to write")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
