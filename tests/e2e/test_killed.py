"""SIGKILL to each task at a durable write, at random, to a supervisor, to the scheduler; then older metadata.

Deliveries are loaded, decided about, replayed, released and purged meanwhile; for a round the clock of tasks
is set back. Twenty kills in all, some at writes by the seed; at each of the others
tests/integration/crash/test_killed_walk.py kills.

Nothing is lost, nothing is there twice, and nobody has to help.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from durable_writes import OF_A_PURGE, OF_A_RELEASE, OF_A_REPLAY, UNDER_AIRFLOW, Write
from kill_places import WITH_A_BUILD
from killed_county import Killed, in_reach, of_a_verdict
from metadata import place_metadata
from plain_state import differences, instants

from tests.conformance.far_side import Asked, FarSide, Reply

pytestmark = pytest.mark.e2e

AT_RANDOM = 3
SECONDS = 600
"""In which what is waited for comes, on whatever machine."""
HOURS_BACK = 26
OF_EACH_DECISION = 1
"""Kills of a replay and of a release."""
BY_SEED = ("pull", "stage", "check", "load", "report", "late")
"""Tasks that are killed at one of their writes; a build and a publication at all that are theirs alone."""


@dataclass
class Story:
    """What was seen on the way.

    Attributes:
        alerts: what was posted.
        given_up: what failed until it was cleared.
        scheduler: its process, again and again while only tasks were killed.
        instants: of all commits, when the clock of tasks had been set back for a round.
        dead: the process of the scheduler that was killed, once it was gone, and that of its successor.
    """

    killed: Killed
    alerts: list[dict[str, Any]]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    given_up: list[tuple[str, str]] = field(default_factory=list)
    scheduler: list[int] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    supervised: dict[str, Any] = field(default_factory=dict)
    dead: list[int] = field(default_factory=list)
    instants: list[datetime] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    differences_restored: list[str] = field(default_factory=list)
    runs_again: int = 0


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two rounds of files with kills, decisions, a dead supervisor and a dead scheduler; then the copy."""
    heard: list[dict[str, Any]] = []

    def listen(asked: Asked) -> Reply:
        heard.append(json.loads(asked.body))
        return Reply(b"ok")

    with FarSide(listen) as far:
        killed = Killed.make(tmp_path_factory.mktemp("county"), random.randrange(10**6))
        killed.node.variables = {"SHANHAI_NOTIFY_URL": far.address}
        place_metadata(killed.node.layout, tmp_path_factory)
        return _told(Story(killed, heard))


def _told(told: Story) -> Story:
    killed = told.killed
    copy = killed.county.root / "older.db"
    with killed.node.up():
        _kill_each_task(told)
        killed.node.set_clock_back(hours=HOURS_BACK)
        killed.begin(3)
        _copy(killed.node.layout.database, copy)
        told.supervised = _kill_a_supervisor(killed)
        killed.wait(kills=AT_RANDOM)
        told.instants = instants(killed.node.home)
        killed.node.set_clock_back(hours=0)
        _kill_at_each_try(told)
        _kill_the_scheduler(told)
        killed.wait()
        told.failed = killed.node.failed()
    clean = killed.clean_state()
    told.differences = differences(clean, killed.state())
    _restore(copy, killed.node.layout.database)
    with killed.node.up() as api:
        before = api.count(state=["success"])
        killed.wait()
        told.runs_again = api.count(state=["success"]) - before
        told.failed += killed.node.failed()
    told.differences_restored = differences(clean, killed.state())
    return told


def _kill_each_task(told: Story) -> None:
    """Kill each task that follows from files, before or after a write; a withdrawal comes later."""
    killed = told.killed
    writes = {task: [write for write in UNDER_AIRFLOW if write.tasks[0] == task] for task in BY_SEED}
    for write in (*map(killed.chance.choice, writes.values()), *WITH_A_BUILD):
        killed.order(write, killed.chance.choice(["before", "after"]))
    told.scheduler.append(killed.node.scheduler().pid)
    killed.round(2)
    _kill_decisions(killed)
    killed.tell_late()
    _kill_a_purge(killed)
    assert killed.node.scheduler().alive()
    told.scheduler.append(killed.node.scheduler().pid)


def _kill_decisions(killed: Killed) -> None:
    """Approve what is held; replay one delivery by other contracts, and release rows of another."""
    state = killed.state()
    (held,) = of_a_verdict(state, "held", "events")
    replayed, *_ = of_a_verdict(state, "accepted", "visits")
    released, *_ = of_a_verdict(state, "accepted", "counts")
    killed.widen()
    killed.order_of("replay", replayed, _chosen(killed, OF_A_REPLAY, replayed))
    killed.order_of("release", released, _chosen(killed, OF_A_RELEASE, released))
    killed.ask(replayed, "replay")
    killed.ask(released, "release", rules=["n.range"])
    killed.ask(held, "approve")
    killed.wait()


def _chosen(killed: Killed, writes: tuple[Write, ...], delivery: str) -> list[tuple[Write, str]]:
    reached = [(write, when) for write in writes if in_reach(write, delivery) for when in ("before", "after")]
    return killed.chance.sample(reached, OF_EACH_DECISION)


def _kill_a_purge(killed: Killed) -> None:
    """One kill; each write of a purge is killed without Airflow, in tests/integration/crash."""
    write = killed.chance.choice(OF_A_PURGE)
    killed.order(write, killed.chance.choice(["before", "after"]), task="purge")
    killed.purge()


def _kill_at_each_try(told: Story) -> None:
    """Three kills of a task that has two retries, the last after its commit; then somebody clears it."""
    killed = told.killed
    (rows,) = (write for write in UNDER_AIRFLOW if write.tasks[0] == "decide")
    (commit,) = (write for write in UNDER_AIRFLOW if write.name == "commit of a delivery")
    for write, when in ((rows, "before"), (commit, "before"), (commit, "after")):
        killed.order(write, when, task="decide", tries=3)
    (withdrawn, *_) = of_a_verdict(killed.state(), "accepted", "events")
    run = killed.decide(withdrawn, "withdraw")
    told.given_up = killed.node.failed()
    killed.node.clear(run)
    killed.wait()


def _kill_a_supervisor(killed: Killed) -> dict[str, Any]:
    """SIGKILL to the process that watches a task: the task goes on, and its scheduler knows nothing of it."""

    def kill() -> dict[str, Any] | None:
        for task in killed.node.running():
            # A task may have ended since the API server told of it.
            with suppress(psutil.NoSuchProcess):
                supervisor = psutil.Process(psutil.Process(task["pid"]).ppid())
                supervisor.kill()
                return {"supervisor": supervisor, "task": task["task_id"]}
        return None

    found: dict[str, Any] = _awaited(kill)
    return found


def _kill_the_scheduler(told: Story) -> None:
    """SIGKILL to the scheduler while tasks of a round run; another one is started beside what it left."""
    killed = told.killed
    killed.begin(4)
    _awaited(killed.node.running)
    old = killed.node.scheduler()
    killed.node.kill_scheduler()
    _awaited(lambda: not old.alive())
    killed.node.restart_scheduler()
    told.dead = [old.pid, killed.node.scheduler().pid]


def _awaited(look: Callable[[], Any]) -> Any:
    until = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
    return found


def _copy(database: Path, copy: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _restore(copy: Path, database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    copy.rename(database)


def test_every_order_was_carried_out_on_a_group_that_is_the_tasks_own(story: Story):
    done = story.killed.node.done()
    assert story.killed.left_over() == []
    assert len(done) == len(story.killed.node.ordered)
    assert len(done) + AT_RANDOM + len(("a supervisor", "the scheduler")) >= 20
    for order in done:
        assert order["group"] == order["pid"] != order["of_parent"]
    assert story.killed.at_random == AT_RANDOM


def test_the_scheduler_lives_through_the_death_of_its_tasks(story: Story):
    assert len(set(story.scheduler)) == 1


def test_a_task_that_is_killed_at_each_try_is_told_and_done_when_cleared(story: Story):
    assert story.given_up == [("decisions", "decide")]
    told = [alert for alert in story.alerts if alert["event"] == "failed"]
    assert [(alert["dag"], alert["error"]) for alert in told] == [("decisions", "Killed")]


def test_no_run_needs_a_person(story: Story):
    assert story.failed == []


def test_tables_quarantine_ledger_and_marts_are_those_of_a_clean_run(story: Story):
    assert story.differences == []


def test_tasks_whose_clock_was_set_back_load_nothing_twice_and_nothing_else(story: Story):
    """What they commit is dated before what was there, and replaces it all the same."""
    before = [at for at in story.instants if at < story.began]
    assert before
    assert max(before) < story.began - timedelta(hours=HOURS_BACK) / 2
    assert story.differences == []


def test_what_an_older_metadata_database_runs_again_changes_nothing(story: Story):
    """Runs that had loaded are queued or running there still."""
    assert story.runs_again >= 3
    assert story.differences_restored == []


def test_a_dead_scheduler_and_a_dead_supervisor_were_in_the_midst_of_work(story: Story):
    assert story.supervised["task"]
    # Not by its number alone, which somebody else may have by now.
    assert not story.supervised["supervisor"].is_running()
    # It was gone before the other one began: else the fixture waits for its end in vain.
    old, new = story.dead
    assert old == story.scheduler[-1] != new
