"""`python -m benchmarks.peers.sling.load SOURCE WARM TARGET`: one `sling run` into a DuckDB file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from benchmarks.stopwatch import Stopwatch


def load(source: Path, target: Path) -> Stopwatch:
    """The program from its start to its end.

    Its default hands rows to DuckDB over HTTP on this machine; by files it was half as fast again, and
    needs no extension of DuckDB.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    connection = {"type": "duckdb", "instance": str(target / "events.duckdb"), "copy_method": "csv_files"}
    packages = Path(sysconfig.get_path("purelib"))
    program = packages / "sling_linux_amd64" / "bin" / "sling-linux-amd64"
    program.chmod(0o755)
    environment = {
        **os.environ,
        "EVENTS": json.dumps(connection),
        "DUCKDB_PATH": Path(sys.executable).with_name("duckdb").as_posix(),
        "DUCKDB_USE_INSTALLED_EXTENSIONS": "true",
        "SLING_HOME_DIR": str(target / "sling"),
    }
    command = [str(program), "run", "--src-stream", source.as_uri(), "--tgt-conn", "EVENTS"]
    command += ["--tgt-object", "main.events", "--mode", "full-refresh"]
    watch = Stopwatch()
    with watch.step("run"):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return watch


if __name__ == "__main__":
    source, _, target = map(Path, sys.argv[1:])
    target.mkdir()
    load(source, target).tell()
