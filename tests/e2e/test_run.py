"""The whole walk by one command in a fresh folder: counts against the simulator's stated truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
import pytest

from infra.local.api import UNFINISHED, Api
from infra.local.configuration import password
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import read_record
from infra.simulator.statement import statement

pytestmark = pytest.mark.e2e

COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")
MINUTES = 12


@dataclass(frozen=True)
class Finished:
    """A command that ended, and the processes of the home that were still there afterwards."""

    code: int
    out: str
    err: str
    left: list[str]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return Layout(home=tmp_path_factory.mktemp("node") / "home", federation=REPOSITORY)


@pytest.fixture(scope="module")
def twice(layout: Layout) -> tuple[Finished, Finished]:
    """The first run, and what a second one said that was started while the first was working."""
    first = _start(layout, "run", "--timeout", str(MINUTES))
    _wait(lambda: read_record(layout) is not None, seconds=60)
    second = _finish(_start(layout, "run"), layout)
    return _finish(first, layout), second


@pytest.fixture(scope="module")
def again(layout: Layout, twice: tuple[Finished, Finished]) -> Finished:
    """The run after the first."""
    assert twice[0].code == 0
    return _finish(_start(layout, "run", "--timeout", str(MINUTES)), layout)


@pytest.fixture(scope="module")
def api(layout: Layout, again: Finished) -> Iterator[Api]:
    """The REST API of an Airflow that is up on the same home."""
    assert again.code == 0
    began = _finish(_start(layout, "up"), layout)
    try:
        assert began.code == 0, began.err
        record = read_record(layout)
        assert record is not None
        client = Api(record.address, password(layout))
        client.log_in()
        yield client
        client.close()
    finally:
        ended = _finish(_start(layout, "down"), layout)
    assert ended.code == 0
    assert ended.left == []


def test_every_delivery_ends_as_the_simulator_states(
    layout: Layout, twice: tuple[Finished, Finished]
) -> None:
    first, _ = twice
    assert first.code == 0, first.out + first.err
    assert first.out.splitlines()[-1] == f"SHANHAI_HOME={layout.home}"
    stated = statement()["deliveries"]
    simulated = {line["dataset"] for line in stated}
    booked = [line for line in _ledger(layout) if f"{line['district']}.{line['dataset']}" in simulated]
    assert sorted(map(_booked, booked)) == sorted(map(_stated, stated))
    for line in _ledger(layout):
        assert line["rows_in"] == sum(line[count] for count in COUNTS[1:])


def test_a_held_delivery_is_listed_and_no_failure(twice: tuple[Finished, Finished]) -> None:
    held = [line for line in statement()["deliveries"] if line["verdict"] == "held"]
    listed = [line for line in twice[0].out.splitlines() if line.startswith("held: ")]
    assert len(listed) == len(held) > 0


def test_the_report_and_the_marts_are_there(layout: Layout, twice: tuple[Finished, Finished]) -> None:
    assert "fct_event" in twice[0].out
    assert (layout.home / "report" / "index.html").is_file()
    assert (layout.home / "marts" / "fct_event").is_dir()


def test_no_process_is_left(twice: tuple[Finished, Finished]) -> None:
    assert twice[0].left == []


def test_two_at_once_the_second_says_so_and_stops(twice: tuple[Finished, Finished]) -> None:
    _, second = twice
    assert second.code == 75
    assert "another run is active" in second.err


def test_secrets_and_metadata_are_the_owners_alone(layout: Layout, twice: tuple[Finished, Finished]) -> None:
    private = [*(layout.home / "secrets").iterdir(), *(f for f in layout.airflow.iterdir() if f.is_file())]
    readable = [file.name for file in private if file.name != "version" and file.stat().st_mode & 0o077]
    assert readable == []


def test_a_second_run_loads_nothing_twice(layout: Layout, again: Finished) -> None:
    assert again.code == 0, again.out + again.err
    assert "new in this run: 0 deliveries, 0 rows loaded" in again.out
    assert again.left == []


def test_three_partitions_backfilled_twice_load_nothing_the_second_time(layout: Layout, api: Api) -> None:
    before = _ledger(layout)
    for _ in range(2):
        number = api.backfill("longyou__water_meters", "2024-03-01T00:00:00Z", "2024-03-03T23:59:59Z")
        _wait(partial(api.backfill_done, number), seconds=240)
    runs = api.runs("longyou__water_meters", run_type=["backfill"])
    assert [run.state for run in runs] == ["success"] * 6
    assert _ledger(layout) == before


def test_an_approval_over_rest_reaches_the_marts(layout: Layout, api: Api) -> None:
    (held,) = [line for line in _ledger(layout) if line["verdict"] == "held"]
    published = _publications(layout)
    delivery = f"{held['district']}.{held['dataset']}/{held['partition']}/{held['snapshot_sha256']}"
    conf = {"delivery": delivery, "action": "approve", "by": "Wang", "reason": "seen on site"}
    run = api.trigger("decisions", conf=conf)
    _wait(lambda: _states(api, "decisions") == {"success"}, seconds=240)
    assert run.dag_id == "decisions"
    (approved,) = [line for line in _ledger(layout) if line["snapshot_sha256"] == held["snapshot_sha256"]]
    assert approved["verdict"] == "accepted"
    assert approved["withheld"] == 0
    assert approved["loaded"] == held["withheld"]
    _wait(lambda: _publications(layout) == published + 1, seconds=240)


def _states(api: Api, dag_id: str) -> set[str]:
    return {run.state for run in api.runs(dag_id)} or set(UNFINISHED)


def _start(layout: Layout, command: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local", command, "--home", str(layout.home), *options],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str], layout: Layout) -> Finished:
    out, err = process.communicate(timeout=60 * (MINUTES + 1))
    return Finished(process.returncode, out, err, _left(layout))


def _left(layout: Layout) -> list[str]:
    """The processes whose environment names this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SHANHAI_HOME") == str(layout.home):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _shanhai(layout: Layout, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "shanhai.cli", *arguments, "--format", "json"],
        cwd=REPOSITORY,
        env={**os.environ, "SHANHAI_HOME": str(layout.home), "SHANHAI_FEDERATION": str(layout.federation)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _ledger(layout: Layout) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = _shanhai(layout, "ledger")
    return lines


def _publications(layout: Layout) -> int:
    return len(_shanhai(layout, "publications"))


def _booked(line: dict[str, Any]) -> tuple[Any, ...]:
    name = f"{line['district']}.{line['dataset']}"
    return (name, line["partition"], line["verdict"], *(line[count] for count in COUNTS))


def _stated(line: dict[str, Any]) -> tuple[Any, ...]:
    return (line["dataset"], line["partition"], line["verdict"], *(line[count] for count in COUNTS))


def _wait(done: Callable[[], bool], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(1)
