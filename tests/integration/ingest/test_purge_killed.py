"""A purge that is killed between any two of its acts is finished by the next: same files, same books."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
from old_city import SECRET, old_city
from one_city import DATASET, City

from shanhai.ingest.books import entries
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import open_table
from shanhai.ingest.purge import purge

SUPPORT = Path(__file__).parents[2] / "support"
AT_RANDOM = 3
PURGE = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from one_city import DATASET, City
from shanhai.ingest.purge import purge
root, now, last = sys.argv[1], datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
acts = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.chmod"}
seen = []
def count(event, arguments):
    if event in acts and str(arguments[0]).startswith((root, "staged", "part")):
        seen.append(f"{event} {arguments[0]}")
        if len(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
city = City(Path(root), now)
node = city.node
sys.addaudithook(count)
purge(node, [DATASET])
print("\\n".join(seen))
"""


def run(city: City, last: int) -> subprocess.CompletedProcess[str]:
    """A purge in a process of its own, killed before its act `last`."""
    return subprocess.run(
        [sys.executable, "-c", PURGE, str(city.root), city.now.isoformat(), str(last)],
        env={"PYTHONPATH": str(SUPPORT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def state(city: City) -> dict[str, Any]:
    """What is in the books and on the disk; names of files without text follow from their content."""
    home = city.node.home
    books = [(row.delivery.key, row.counts, row.verdict) for row in ledger(city.node)]
    files = [
        file.relative_to(home).as_posix()
        for room in ("snapshots", "staged", "quarantine", "lake/_system/quarantine")
        for file in home.glob(f"{room}/**/*")
        if file.is_file() and "_delta_log" not in file.parts
    ]
    lines = [line for _, line in entries(open_table(city.node, DATASET))]
    kept = duckdb.connect().execute(
        "SELECT count(*) FILTER (WHERE contains(raw, ?)) FROM read_parquet(?, union_by_name = true)",
        [SECRET, [file.as_posix() for file in home.glob("lake/_system/quarantine/*.parquet")]],
    )
    return {
        "books": books,
        "files": sorted(files),
        "purged": Counter(line.delivery for line in lines if line.kind == "purge"),
        "kept": kept.fetchone(),
        "refused": city.quarantined(),
        "rows": city.rows("id, n, _delivery"),
    }


def test_whenever_it_is_killed_the_next_one_finishes(tmp_path: Path):
    grown = old_city(tmp_path / "old")
    clean = grown.copied(tmp_path / "clean")
    done = run(clean, 0)
    assert done.returncode == 0, done.stderr
    acts, wanted = done.stdout.splitlines(), state(clean)
    assert set(wanted["purged"].values()) == {1}

    seed = random.randrange(2**32)
    print(f"seed={seed} acts={len(acts)}")
    points = {_first(acts, "_system/ledger"), _first(acts, "os.remove")}
    points |= set(random.Random(seed).sample(range(1, len(acts) + 1), AT_RANDOM))
    for last in sorted(points):
        killed = grown.copied(tmp_path / f"killed{last}")
        assert run(killed, last).returncode == -9, last
        purge(killed.node, [DATASET])
        assert state(killed) == wanted, f"seed={seed} last={last}"


def _first(acts: list[str], word: str) -> int:
    """The number of the first act of this kind: what follows the entry, and what removes something."""
    return next(number for number, act in enumerate(acts, start=1) if word in act)
