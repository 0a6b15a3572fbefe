"""Whatever the umask, and whoever made the folders, nobody else reads what may hold personal values."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from one_city import DATASET, HEADER, City
from published import publish_small

from shanhai.ingest.decisions import carry_out
from shanhai.ingest.ledger import ledger
from shanhai.ingest.purge import purge
from shanhai.ingest.stage import SCRATCH
from shanhai.ingest.walk import pull_step, stage_step

ROOMS = ("snapshots", "staged", "quarantine", "lake", "scratch")
WHO = {"by": "Li Wei", "reason": "seen"}


@pytest.fixture(params=[0o022, 0o000], ids=oct)
def careless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    """A node whose folders somebody made beforehand, open to all, under a umask that hides nothing."""
    before = os.umask(request.param)
    try:
        for room in ("", *ROOMS):
            (tmp_path / "home" / room).mkdir()
        city = City(tmp_path)
        city.declare(
            tolerance={"hold": 0.6, "refuse": 0.8}, retention={"quarantine_days": 1, "snapshot_days": 8}
        )
        yield city
    finally:
        os.umask(before)


def open_to_others(home: Path) -> list[str]:
    """Files and rooms that somebody else may read, change or enter.

    Logs of tables tell bounds of keys: the room `lake` closes them off.
    """
    files = [
        file
        for room in ("snapshots", "staged", "quarantine", "contracts")
        for file in (home / room).rglob("*")
        if file.is_file()
    ]
    files += [file for file in (home / "lake").rglob("*.parquet") if "publications" not in file.parts]
    rooms = [home / room for room in ROOMS]
    return [path.relative_to(home).as_posix() for path in (*files, *rooms) if path.stat().st_mode & 0o077]


def test_nothing_personal_is_open_to_others(careless):
    careless.put("a.csv", f"{HEADER}a,1,2024-01-01\nb,x,2024-01-01\nc,-1,2024-01-01\nd,1,2024-01-01\n")
    careless.put("b.csv", gzip.compress(f"{HEADER}a,2,2024-02-01\n".encode()))
    careless.put("c.csv", f"{HEADER}e,-1,2024-02-01\nf,-1,2024-02-01\ng,-1,2024-02-01\nh,1,2024-02-01\n")
    pull_step(careless.node, DATASET, None)
    stage_step(careless.node, DATASET)
    for_the_check = sorted(file.name for file in careless.node.home.rglob("staged.*"))
    assert for_the_check == [*["staged.0.text"] * 3, *[SCRATCH] * 3], "there until the check is done"
    assert open_to_others(careless.node.home) == []

    careless.walk()
    ledger(careless.node)
    assert open_to_others(careless.node.home) == []

    carry_out(careless.node, careless.delivery("c"), "approve", **WHO)
    carry_out(careless.node, careless.delivery("a"), "release", rules=["n.range"], **WHO)
    carry_out(careless.node, careless.delivery("b"), "withdraw", **WHO)
    publish_small(careless)
    ledger(careless.node)
    assert open_to_others(careless.node.home) == []

    careless.now += timedelta(days=30)
    assert len(purge(careless.node, [DATASET]).items) == 3
    assert open_to_others(careless.node.home) == []
    assert {file.suffix for file in careless.node.quarantine.iterdir()} == {".parquet"}
