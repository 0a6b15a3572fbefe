"""What the keeper of an Airflow that is up does about processes that die: real ones, which are no Airflow."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.local import keeper as keeping
from infra.local.configuration import free_port
from infra.local.environment import environment
from infra.local.keeper import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Keeper
from infra.local.layout import REPOSITORY, Layout
from infra.local.lock import Record, read_record, write_record
from infra.local.processes import Started, _running, start, stop
from infra.local.run import Plan
from infra.local.up import down, up

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; print('born', flush=True); time.sleep(99)"])
time.sleep(99)
"""


class Kept:
    """A home in which two processes are up, one of them with a child, and a keeper of them."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.told, self.started = layout, [], []
        self.told: list[Started]
        self.started: list[Started]
        write_record(layout, "up", f"http://127.0.0.1:{free_port()}", [self.begin(n) for n in NAMES])
        self.keeper = Keeper(layout, self.begin, self.told.append)

    def begin(self, name: str) -> Started:
        made = start(
            name,
            [sys.executable, "-c", FAMILY],
            environment=environment(self.layout),
            folder=self.layout.home,
            log=self.layout.logs / f"{name}.log",
        )
        self.started.append(made)
        return made

    def record(self) -> Record:
        found = read_record(self.layout)
        assert found is not None
        return found

    def until(self, done: Callable[[], object], seconds: float = 60) -> None:
        """Let the keeper look until something is so."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "it does not come"
            self.keeper.look()
            time.sleep(0.05)


NAMES = ("scheduler", "api-server")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(home=tmp_path / "home", federation=REPOSITORY / "examples" / "cities")
    made.make_folders()
    return made


@pytest.fixture
def kept(layout: Layout) -> Iterator[Kept]:
    made = Kept(layout)
    yield made
    stop(made.started, grace=0)


def test_what_died_is_started_again_without_what_it_left_and_told_once(kept: Kept):
    scheduler, other = kept.record().processes
    born = kept.layout.logs / "scheduler.log"
    kept.until(lambda: "born" in born.read_text())
    (child,) = psutil.Process(scheduler.pid).children()
    os.kill(scheduler.pid, signal.SIGKILL)
    kept.until(lambda: kept.told)
    assert kept.told == [scheduler]
    fresh, same = kept.record().processes
    assert (fresh.name, same) == ("scheduler", other)
    assert fresh.pid != scheduler.pid
    assert fresh.alive()
    assert not _running(child)
    for _ in range(3):
        kept.keeper.look()
    assert kept.told == [scheduler]
    assert len(kept.started) == len(NAMES) + 1


def test_what_dies_again_and_again_waits_twice_as_long_each_time():
    falls, now, waited = keeping._Falls(), 0.0, []
    for _ in range(1100):
        waited.append(falls.fell(now) - now)
        assert falls.fell(now + 0.5) - now == waited[-1]
        now += waited[-1]
        falls.begin(now)
        now += 1
    assert waited[:4] == [FIRST_PAUSE_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert waited[-1] == LONGEST_PAUSE_SECONDS
    assert falls.fell(now + STEADY_SECONDS) - now - STEADY_SECONDS == FIRST_PAUSE_SECONDS


def test_what_cannot_be_recorded_is_not_left_running(kept: Kept):
    os.kill(kept.record().processes[0].pid, signal.SIGKILL)
    in_the_way = kept.layout.record.with_name(kept.layout.record.name + ".new")
    in_the_way.mkdir()
    with pytest.raises(OSError, match=in_the_way.name):
        kept.until(lambda: False)
    assert not kept.started[-1].alive()
    in_the_way.rmdir()
    kept.until(lambda: kept.told)
    assert all(process.alive() for process in kept.record().processes)


def with_keeper(kept: Kept) -> Started:
    """Let a keeper of its own process look after the home."""
    keeper = keeping.start_keeper(kept.layout)
    kept.started.append(keeper)
    record = kept.record()
    write_record(kept.layout, record.mode, record.address, [*record.processes, keeper])
    return keeper


def test_down_ends_the_keeper_and_what_it_keeps(kept: Kept):
    keeper = with_keeper(kept)
    time.sleep(2 * keeping.LOOK_SECONDS)
    assert keeper.alive(), keeper.log.read_text()
    assert down(kept.layout) == 0
    assert not [process.name for process in kept.started if process.alive()]
    assert read_record(kept.layout) is None


def test_up_starts_another_keeper_where_one_has_died_and_no_second_one(kept: Kept):
    dead = with_keeper(kept)
    os.kill(dead.pid, signal.SIGKILL)
    plan = Plan(layout=kept.layout, data=None, minutes=1)
    for _ in range(2):
        assert up(plan) == 0
        kept.started.extend(kept.record().processes)
    assert [process.name for process in kept.record().processes] == [*NAMES, "keeper"]
    assert all(process.alive() for process in kept.record().processes)
    assert len({process.pid for process in kept.started}) == len(NAMES) + 2
