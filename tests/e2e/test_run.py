"""The whole walk by one command in a fresh folder: counts against the simulator's stated truth."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from infra.local.api import UNFINISHED, Api, Run
from infra.local.configuration import password
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import read_record
from infra.local.processes import Started
from infra.simulator.statement import statement
from shanhai.cli import main

pytestmark = pytest.mark.e2e

COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld")
MINUTES = 12
"""Without progress; a run that goes on may take three times as long beside other tests."""


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
    _wait(lambda: read_record(layout) is not None, seconds=600)
    second = _finish(_start(layout, "run"), layout)
    return _finish(first, layout), second


@pytest.fixture(scope="module")
def relayed(layout: Layout, twice: tuple[Finished, Finished]) -> set[str]:
    """What lay at the relay after the first run."""
    return _relayed(layout)


@pytest.fixture(scope="module")
def again(layout: Layout, twice: tuple[Finished, Finished], relayed: set[str]) -> Finished:
    """The run after the first."""
    assert twice[0].code == 0, twice[0].out + twice[0].err
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


def test_what_was_granted_crosses_and_both_ends_agree(
    layout: Layout, twice: tuple[Finished, Finished]
) -> None:
    out = twice[0].out
    assert "paired for demonstration without people" in out
    assert "denied by policy: marts.mart_meter_alert to zhaohua: share-class (not-shared)" in out
    released = _shanhai(layout, "exchange", "releases")
    assert {(one["subject"], one["partner"]) for one in released} == {
        ("gongshu.events", "longyou"),
        ("notice_board", "longyou"),
        ("marts.mart_event_clock", "zhaohua"),
    }
    assert f"{len(released)} releases, {len(released)} of them new in this run" in out
    for one in released:
        there = _arrived(layout, one["partner"])[one["message"]]
        whole = one["subject"] == "notice_board"
        assert (one["standing"], there["state"]) == (("received", "opened") if whole else ("admitted",) * 2)
        if not whole:
            line = _booked_there(layout, one["partner"], one["version"])
            assert one["rows"] == line["rows_in"] == line["loaded"] + line["superseded"] > 0
    for partner in ("longyou", "zhaohua"):
        assert len(_arrived(layout, partner)) == sum(1 for one in released if one["partner"] == partner)


def test_nobody_is_said_to_have_compared_a_number(layout: Layout, twice: tuple[Finished, Finished]) -> None:
    confirmed = [one for one in _shanhai(layout, "audit", "log") if one["kind"] == "confirm"]
    assert {one["who"] for one in confirmed} == {"demonstration without people"}


def test_a_second_run_sends_nothing(layout: Layout, again: Finished, relayed: set[str]) -> None:
    assert ", 0 of them new in this run;" in again.out
    assert _relayed(layout) == relayed


def test_a_scheduler_that_died_is_started_again_and_told(layout: Layout, api: Api) -> None:
    """What follows is scheduled by the one that was started again."""
    before = _scheduler(layout)
    os.kill(before.pid, signal.SIGKILL)
    told = layout.logs / "keeper.log"
    _wait(lambda: 'notify event=restarted process="scheduler"' in told.read_text(), seconds=600)
    assert _scheduler(layout) != before
    assert _scheduler(layout).alive()


def test_tasks_of_the_exchange_that_are_killed_finish_and_each_parcel_is_admitted_once(
    layout: Layout, api: Api
) -> None:
    before = len(_shanhai(layout, "exchange", "releases"))
    _revise_grant(layout)
    _run_killed(api, "exchange__gongshu__longyou__send", "release")
    released = _shanhai(layout, "exchange", "releases")
    assert len(released) == before + 1
    _run_killed(api, "exchange__longyou__gongshu__receive", "receive", "admit")
    _run_killed(api, "exchange__gongshu__longyou__receive")
    events = [one for one in released if one["subject"] == "gongshu.events"]
    there = [one for one in _arrived(layout, "longyou").values() if one["subject"] == "gongshu.events"]
    assert [one["state"] for one in there] == ["admitted"] * len(events)
    now = _shanhai(layout, "exchange", "releases")
    assert {one["standing"] for one in now if one["subject"] == "gongshu.events"} == {"admitted"}


def test_three_partitions_backfilled_twice_load_nothing_the_second_time(layout: Layout, api: Api) -> None:
    before = _ledger(layout)
    for _ in range(2):
        number = api.backfill("longyou__water_meters", "2024-03-01T00:00:00Z", "2024-03-03T23:59:59Z")
        _wait(partial(api.backfill_done, number), seconds=900)
    runs = api.runs("longyou__water_meters", run_type=["backfill"])
    assert [run.state for run in runs] == ["success"] * 6
    assert _ledger(layout) == before


def test_an_approval_over_rest_reaches_the_marts(layout: Layout, api: Api) -> None:
    (held,) = [line for line in _ledger(layout) if line["verdict"] == "held"]
    published = _publications(layout)
    delivery = f"{held['district']}.{held['dataset']}/{held['partition']}/{held['snapshot_sha256']}"
    conf = {"delivery": delivery, "action": "approve", "by": "Wang", "reason": "seen on site"}
    run = api.trigger("decisions", conf=conf)
    _wait(lambda: _states(api, "decisions") == {"success"}, seconds=900)
    assert run.dag_id == "decisions"
    (approved,) = [line for line in _ledger(layout) if line["snapshot_sha256"] == held["snapshot_sha256"]]
    assert approved["verdict"] == "accepted"
    assert approved["withheld"] == 0
    assert approved["loaded"] == held["withheld"]
    _wait(lambda: _publications(layout) == published + 1, seconds=900)


def _relayed(layout: Layout) -> set[str]:
    relay = layout.home / "relay"
    return {file.relative_to(relay).as_posix() for file in relay.rglob("*") if file.is_file()}


def _partner(layout: Layout, name: str) -> Layout:
    """The home of a partner of the demonstration."""
    federation = REPOSITORY / "examples" / "exchange" / name
    return Layout(home=layout.home / "nodes" / name, federation=federation)


def _arrived(layout: Layout, partner: str) -> dict[str, dict[str, Any]]:
    """The parcels that a partner has, by the digest of their message."""
    node = _partner(layout, partner)
    listed = [one for one in _shanhai(node, "parcel", "show") if one["type"] == "parcel"]
    found = [_shanhai(node, "parcel", "show", one["message"]) for one in listed]
    return {one["message"]: one for one in found}


def _booked_there(layout: Layout, partner: str, version: int) -> dict[str, Any]:
    """What a partner's ledger says of a version that it admitted."""
    (delivery,) = [one["delivery"] for one in _arrived(layout, partner).values() if one["version"] == version]
    digest = delivery.rpartition("/")[2]
    (line,) = [one for one in _ledger(_partner(layout, partner)) if one["snapshot_sha256"].startswith(digest)]
    return line


def _revise_grant(layout: Layout) -> None:
    """Grant the events anew, so that the same version leaves once more."""
    (grant,) = [one for one in _shanhai(layout, "grant", "list") if one["about"] == "gongshu.events"]
    columns = [text for name in grant["columns"] for text in ("--column", name)]
    masks = [text for name, mask in grant["masks"].items() for text in ("--mask", f"{name}={mask}")]
    stated = ["--to", "longyou", "--purpose", grant["purpose"], "--until", grant["until"], *columns, *masks]
    rest = ["--retention-days", "90", "--rows", grant["row_filter"], "--by", "Li Wei"]
    secret = layout.home / "secrets" / "gongshu_passphrase"
    given = {"SHANHAI_PASSPHRASE_FILE": str(secret)}
    _shanhai(
        layout, "grant", "add", "gongshu.events", *stated, *rest, "--revises", grant["grant"], more=given
    )


def _run_killed(api: Api, dag_id: str, *tasks: str) -> None:
    """Run a DAG; the first try of each of the tasks is killed while it works."""
    run = api.trigger(dag_id)
    for name in tasks:
        pid = _wait_for(lambda name=name: _first_try(api, run, name), seconds=900)
        psutil.Process(pid).kill()
    _wait(lambda: _state(api, run) in ("success", "failed"), seconds=600)
    tries = {task["task_id"]: task["try_number"] for task in api.tasks(run)}
    assert _state(api, run) == "success", api.tasks(run)
    assert all(tries[name] > 1 for name in tasks), tries


def _first_try(api: Api, run: Run, name: str) -> int | None:
    """The process of a task that is in its first try now."""
    for task in api.tasks(run):
        if task["task_id"] == name and task["state"] == "running" and task["try_number"] == 1:
            return task["pid"]
    return None


def _state(api: Api, run: Run) -> str:
    return next(one.state for one in api.runs(run.dag_id) if one.run_id == run.run_id)


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
    out, err = process.communicate(timeout=60 * 3 * MINUTES)
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


def _shanhai(layout: Layout, *arguments: str, more: Mapping[str, str] = MappingProxyType({})) -> Any:
    """What a verb tells of a home, called in this process: a new one would import everything again."""
    place = ["--home", str(layout.home), "--federation", str(layout.federation)]
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        for name, value in more.items():
            patch.setenv(name, value)
        assert main([*place, *arguments, "--format", "json"]) == 0
    said.seek(0)
    return json.load(said)


def _ledger(layout: Layout) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = _shanhai(layout, "ledger")
    return lines


def _publications(layout: Layout) -> int:
    return len(_shanhai(layout, "publications"))


def _scheduler(layout: Layout) -> Started:
    record = read_record(layout)
    assert record is not None
    (found,) = [process for process in record.processes if process.name == "scheduler"]
    return found


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


def _wait_for(found: Callable[[], int | None], *, seconds: float) -> int:
    until = time.monotonic() + seconds
    while (value := found()) is None:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.2)
    return value
