"""`make bench`: stage, check and load beside the limit, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.limit import copy_typed
from benchmarks.walk import prepare, walk
from benchmarks.workload import write_csv

_STEPS = ("stage", "check", "load")


def main() -> None:
    """Generate the file, measure, print a table and the figures as JSON."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--only", choices=("limit", "shanhai"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        measured = measure_limit if arguments.only == "limit" else measure_shanhai
        print(json.dumps(measured(arguments.folder)))
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="shanhai-bench-"))
    try:
        run(folder, arguments.rows)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)


def run(folder: Path, rows: int) -> None:
    """Measure both on the same file and print how they compare."""
    prepare(folder)
    source = folder / "data" / "big.csv"
    say(f"writing {rows:,} rows")
    write_csv(source, rows)
    say(f"{rows:,} rows, {source.stat().st_size / 1e9:.2f} GB, {platform.processor() or platform.machine()}")
    limit = in_a_process("limit", folder)
    ours = in_a_process("shanhai", folder)
    total = ours["stage"] + ours["check"] + ours["load"]
    busy = {name: ours["cpu"][name] for name in _STEPS}
    say(f"{'':10} {'seconds':>8} {'of the limit':>13} {'CPU seconds':>12} {'of the limit':>13}")
    for name in _STEPS:
        _line(name, ours[name], busy[name], limit)
    _line("together", total, sum(busy.values()), limit)
    _line("the limit", limit["seconds"], limit["cpu"], limit)
    say(f"rows per second: {rows / total:,.0f} beside {rows / limit['seconds']:,.0f}")
    say(f"peak memory: {ours['peak_mib']:.0f} MiB beside {limit['peak_mib']:.0f} MiB")
    say(json.dumps({"rows": rows, "limit": limit, "shanhai": ours, "ratio": limit["seconds"] / total}))


def _line(name: str, seconds: float, busy: float, limit: dict[str, Any]) -> None:
    of_limit = f"{limit['seconds'] / seconds:13.2f} {busy:12.2f} {limit['cpu'] / busy:13.2f}"
    say(f"{name:10} {seconds:8.2f} {of_limit}")


def in_a_process(name: str, folder: Path) -> dict[str, Any]:
    """One measurement in a fresh process, so that peaks of memory are its own; it tells how it goes on."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", name, "--folder", folder.as_posix()],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_limit(folder: Path) -> dict[str, float]:
    """The median of five, the file in memory."""
    watches = []
    for _ in range(6):
        watches.append(copy_typed(folder / "data" / "big.csv", folder / "limit.parquet").steps["copy"])
        _progress("the limit", watches[-1]["seconds"])
    # The first one still waits for the disk to take what was generated.
    return {
        "seconds": statistics.median(step["seconds"] for step in watches[1:]),
        "cpu": statistics.median(step["cpu"] for step in watches[1:]),
        "peak_mib": _peak(),
    }


def measure_shanhai(folder: Path) -> dict[str, Any]:
    """Stage, check and load of the same file."""
    watch, _ = walk(folder, folder / "home")
    return {
        **{name: watch.steps[name]["seconds"] for name in _STEPS},
        "cpu": {name: watch.steps[name]["cpu"] for name in _STEPS},
        "peak_mib": _peak(),
    }


def _progress(what: str, seconds: float) -> None:
    print(f"  {what}: {seconds:.2f} s", file=sys.stderr, flush=True)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(text: str) -> None:
    """One line to people."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
