"""`python -m benchmarks.peers.singer_target.load SOURCE WARM TARGET TAP`: tap and target, joined by a pipe.

TAP is the interpreter of the tap's environment: the documentation of the target advises one for each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.stopwatch import Stopwatch


def load(source: Path, target: Path, tap: str) -> Stopwatch:
    """Both processes from their start to their end.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    config = target / "config.json"
    known = {
        "path": str(target / "events.duckdb"),
        "default_target_schema": "main",
        "primary_key_required": False,
    }
    config.write_text(json.dumps(known))
    writes = [tap, "-m", "benchmarks.peers.singer_tap.tap", str(source)]
    reads = [Path(sys.executable).with_name("target-duckdb").as_posix(), "--config", config.as_posix()]
    watch = Stopwatch()
    with watch.step("run"), subprocess.Popen(writes, stdout=subprocess.PIPE) as messages:
        subprocess.run(reads, stdin=messages.stdout, stdout=subprocess.DEVNULL, check=True)
        if messages.wait():
            raise subprocess.CalledProcessError(messages.returncode, writes)
    return watch


if __name__ == "__main__":
    source, _, target = map(Path, sys.argv[1:4])
    target.mkdir()
    load(source, target, sys.argv[4]).tell()
