"""The harness of `make bench-peers` on a small file: who is measured, compared, and noticed when wrong."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import LIMIT, SHANHAI, SUBJECTS, Subject, subjects
from benchmarks.peers.environments import missing
from benchmarks.peers.process import TookTooLongError, measure, offline
from benchmarks.peers.series import Series, run_series

ROOT = Path(__file__).parents[2]
ROWS = 3000
MIB = 2**20


def series(
    folder: Path,
    *wanted: Subject,
    repeat: int = 1,
    limit_seconds: float = 600,
    once_above: float = 600,
    expected: float | None = None,
) -> Series:
    """Rounds over a small file."""
    return run_series(
        folder / "work",
        ROWS,
        wanted,
        repeat=repeat,
        limit_seconds=limit_seconds,
        once_above=once_above,
        expected=lambda _: expected,
        say=lambda _: None,
    )


def script(text: str, folder: Path) -> list[str]:
    """A command that runs a few lines of Python and tells one step."""
    file = folder / "script.py"
    told = json.dumps({"steps": {"run": {"seconds": 1, "cpu": 1}}})
    file.write_text(f"{text}\nprint({told!r})\n")
    return [sys.executable, file.as_posix()]


INSTALLED = {"delta-rs", "pandas-gx"}
"""Peers whose packages the project has, too: they need no environment of their own to be tried."""


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_result_has_every_row_it_must_have(subject: Subject, tmp_path: Path):
    gone = missing(subject)
    if gone and subject.name in INSTALLED:
        subject = replace(subject, environment=None)
    elif gone:
        pytest.skip(f"`make peers` did not make the environment {', '.join(gone)} here")
    found = series(tmp_path, subject)
    (outcome,) = found.outcomes
    assert (outcome.wrong, outcome.left_out) == (None, None)
    (run,) = outcome.runs
    assert run.seconds() > 0
    assert run.peak_bytes > 20 * MIB
    if run.counts is not None:
        assert run.counts == found.truth.counts
    assert found.truth.quarantined == ROWS // 100
    assert found.truth.duplicates == ROWS // 1000
    assert sum(found.truth.counts.values()) == ROWS // 100


def test_a_result_with_rows_missing_is_noticed(tmp_path: Path):
    (limit,) = subjects([LIMIT])
    (outcome,) = series(tmp_path, replace(limit, rows="all")).outcomes
    assert outcome.wrong is not None
    assert f"rows {ROWS - ROWS // 500} instead of {ROWS}" in outcome.wrong
    assert "reported_at" not in outcome.wrong  # the rows that the limit drops have none


def test_who_would_take_too_long_is_left_out_and_says_by_how_much(tmp_path: Path):
    (outcome,) = series(tmp_path, *subjects([SHANHAI]), limit_seconds=10, expected=4000).outcomes
    assert outcome.runs == []
    assert outcome.left_out == "would take 4,000 s, by its rate on fewer rows"


def test_who_is_slow_is_measured_once_and_says_so(tmp_path: Path):
    slow, fast = (
        series(tmp_path / name, *subjects([LIMIT]), repeat=2, once_above=above).outcomes[0]
        for name, above in (("slow", 0.0), ("fast", 600.0))
    )
    assert len(slow.runs) == 1
    assert slow.left_out == "took more than 0 s, and was not measured again"
    assert (len(fast.runs), fast.left_out) == (2, None)


def test_who_takes_too_long_is_ended_with_its_children(tmp_path: Path):
    (limit,) = subjects([LIMIT])
    (outcome,) = series(tmp_path, limit, limit_seconds=0.05).outcomes
    assert outcome.left_out == "took more than 0 s"
    command = script("import subprocess\nsubprocess.run(['sleep', '60'])", tmp_path)
    with pytest.raises(TookTooLongError):
        measure(command, root=ROOT, scratch=tmp_path, limit_seconds=1)


def test_memory_is_that_of_a_process_and_its_children(tmp_path: Path):
    child = "import time; held = bytearray(b'x') * (80 << 20); time.sleep(3)"
    command = script(
        "import subprocess, sys\n"
        "held = bytearray(b'x') * (50 << 20)\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])",
        tmp_path,
    )
    run = measure(command, root=ROOT, scratch=tmp_path, limit_seconds=60)
    assert 130 * MIB < run.peak_bytes < 190 * MIB


@pytest.mark.skipif(not offline(), reason="the system permits no process without a network")
def test_nobody_has_a_network_while_it_is_measured(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        socket.create_connection(address, 5).close()
        lines = (
            "import socket",
            "try:",
            f"    socket.create_connection({address!r}, 5)",
            "except OSError:",
            "    pass",
            "else:",
            "    raise SystemExit('there is a network')",
        )
        measure(script("\n".join(lines), tmp_path), root=ROOT, scratch=tmp_path, limit_seconds=60)
