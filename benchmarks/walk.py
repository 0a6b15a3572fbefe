"""What is measured of Shanhai: a delivery through its steps, in a process that is warmed with a small one."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.stopwatch import Stopwatch
from benchmarks.workload import DATASET, write_csv, write_federation

_WARM_ROWS = 1000
_MOST_BYTES = 64 * 2**30
"""Of the file: that of a hundred million rows is larger than what a connector takes unless it is told."""


def walk(federation: Path, home: Path) -> tuple[Stopwatch, dict[str, int]]:
    """Take the one file of a federation through pull, stage, check and load, below a home of its own.

    Args:
        federation: made by `write_federation`, its file in `data`.
        home: does not exist.

    Returns:
        The times, and how often each rule was found broken.
    """
    warm = home.with_name(f"{home.name}-warm")
    prepare(warm)
    write_csv(warm / "data" / "small.csv", _WARM_ROWS)
    _steps(warm, warm / "home")
    return _steps(federation, home)


def prepare(federation: Path) -> None:
    """A federation without any file, with everything that follows from its contract."""
    from shanhai.contracts import render_suite
    from shanhai.contracts.federation import open_federation

    write_federation(federation)
    (federation / "data").mkdir(exist_ok=True)
    for path, text in render_suite.render(open_federation(federation)).items():
        (federation / path).parent.mkdir(parents=True, exist_ok=True)
        (federation / path).write_text(text, encoding="utf-8")


def _steps(federation: Path, home: Path) -> tuple[Stopwatch, dict[str, int]]:
    from shanhai.ids import DatasetId
    from shanhai.ingest.check import check
    from shanhai.ingest.load import load
    from shanhai.ingest.node import open_node
    from shanhai.ingest.snapshot import pull
    from shanhai.ingest.stage import stage
    from shanhai.settings import read_settings

    settings = read_settings(home=home, federation=federation, threads=2, max_body_bytes=_MOST_BYTES)
    node = open_node(settings)
    watch = Stopwatch()
    with watch.step("pull"):
        (delivery,) = pull(node, DatasetId.parse(DATASET))
    with watch.step("stage"):
        stage(node, delivery)
    with watch.step("check"):
        checked = check(node, delivery)
    with watch.step("load"):
        load(node, delivery)
    for name, step in watch.steps.items():
        print(f"  {name}: {step['seconds']:.2f} s", file=sys.stderr, flush=True)
    return watch, {one.rule: one.unexpected for one in checked.checks}
