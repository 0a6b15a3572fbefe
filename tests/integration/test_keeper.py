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
from infra.local.processes import GRACE_SECONDS, Started, _running, created_of, start, stop
from infra.local.run import Plan
from infra.local.up import down, up

FAMILY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; print('born', flush=True); time.sleep(99)"])
time.sleep(99)
"""


CHILD = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("asked", flush=True)))
print("begun", flush=True)
signal.pause()
"""
SLOW_KEEPER = """
import signal, subprocess, sys, time
def end(*_):
    time.sleep(float(sys.argv[1]))
    print("recorded", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
child = subprocess.Popen([sys.executable, "-c", sys.argv[2]], start_new_session=True)
print(child.pid, flush=True)
while True:
    signal.pause()
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


def kill(process: Started) -> None:
    """Kill it alone, and wait until it is dead."""
    os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while process.alive():
        assert time.monotonic() < end, "it does not die"
        time.sleep(0.01)


def test_what_died_is_started_again_without_what_it_left_and_told_once(kept: Kept):
    scheduler, other = kept.record().processes
    born = kept.layout.logs / "scheduler.log"
    kept.until(lambda: "born" in born.read_text())
    (child,) = psutil.Process(scheduler.pid).children()
    kill(scheduler)
    kept.keeper.look()
    assert not _running(child), "what it left ends at once"
    assert kept.told == [], "it is started after a pause"
    kept.until(lambda: kept.told)
    assert kept.told == [scheduler]
    fresh, same = kept.record().processes
    assert (fresh.name, same) == ("scheduler", other)
    assert fresh.pid != scheduler.pid
    assert fresh.alive()
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


def test_nothing_is_begun_once_somebody_asked_for_the_end(kept: Kept):
    asked: list[int] = []

    def tell(dead: Started) -> None:
        kept.told.append(dead)
        asked.append(signal.SIGTERM)

    keeper = Keeper(kept.layout, kept.begin, tell, asked)
    first, second = kept.record().processes
    for process in (first, second):
        kill(process)
    keeper.look()
    time.sleep(2 * FIRST_PAUSE_SECONDS)
    for _ in range(3):
        keeper.look()
    assert kept.told == [first]
    assert kept.record().processes[1] == second
    assert len(kept.started) == len(NAMES) + 1


@pytest.mark.parametrize(
    "error", [OSError("x"), ValueError("x"), KeyError("x"), TypeError("x"), psutil.NoSuchProcess(1)], ids=repr
)
def test_a_look_that_fails_is_told_in_the_log_and_tried_again(
    kept: Kept, caplog: pytest.LogCaptureFixture, error: Exception
):
    def fails(_: str) -> Started:
        raise error

    own = Started("keeper", os.getpid(), created_of(os.getpid()), kept.layout.logs / "keeper.log")
    record = kept.record()
    write_record(kept.layout, record.mode, record.address, [*record.processes, own])
    os.kill(record.processes[0].pid, signal.SIGKILL)
    failing = Keeper(kept.layout, fails, kept.told.append)
    end = time.monotonic() + 60
    while "look_failed" not in caplog.text:
        assert time.monotonic() < end, "it does not fail"
        assert keeping._looked(kept.layout, failing)
    assert f"error={type(error).__name__}" in caplog.text
    while not kept.told:
        assert time.monotonic() < end, "it is not tried again"
        assert keeping._looked(kept.layout, kept.keeper)


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


@pytest.mark.parametrize("damage", ["{", "{}", '{"processes": [1]}', '{"processes": [{"log": "x"}]}'])
def test_a_record_that_cannot_be_read_ends_no_keeper(
    layout: Layout, caplog: pytest.LogCaptureFixture, damage: str
):
    keeper = Keeper(layout, lambda name: pytest.fail(name), pytest.fail)
    layout.record.write_text(damage)
    assert keeping._looked(layout, keeper)
    assert "look_failed" in caplog.text
    layout.record.unlink()
    assert not keeping._looked(layout, keeper), "nothing is up any more"


def test_down_lets_the_keeper_record_what_it_starts_just_now_and_asks_that_to_end(layout: Layout):
    """The keeper is slow to end: it stands for one that waits until what it killed is dead."""
    log = layout.logs / "keeper.log"
    keeper = start(
        "keeper",
        [sys.executable, "-c", SLOW_KEEPER, str(GRACE_SECONDS + 1), CHILD],
        environment=environment(layout),
        folder=layout.home,
        log=log,
    )
    try:
        end = time.monotonic() + 60
        while len(begun := log.read_text().split()) < 2:
            assert time.monotonic() < end, "it does not begin"
            time.sleep(0.05)
        (child,) = (psutil.Process(int(word)) for word in begun if word.isdecimal())
        fresh = Started("scheduler", child.pid, created_of(child.pid), log)
        write_record(layout, "up", "http://127.0.0.1:1", [fresh, keeper])
        assert down(layout) == 0
        assert log.read_text().split()[2:] == ["recorded", "asked"]
    finally:
        stop([keeper], grace=0)
    assert not _running(child)


def test_up_starts_another_keeper_where_one_has_died_and_no_second_one(kept: Kept):
    dead = with_keeper(kept)
    kill(dead)
    plan = Plan(layout=kept.layout, data=None, minutes=1)
    for _ in range(2):
        assert up(plan) == 0
        kept.started.extend(kept.record().processes)
    assert [process.name for process in kept.record().processes] == [*NAMES, "keeper"]
    assert all(process.alive() for process in kept.record().processes)
    assert len({process.pid for process in kept.started}) == len(NAMES) + 2
