"""How long the runner waits: while tasks end, however long it takes; and what it names when none does."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.local import progress as watching
from infra.local.airflow import Airflow
from infra.local.api import Api
from infra.local.books import node_of
from infra.local.layout import REPOSITORY, Layout
from infra.local.problems import OutOfTimeError, ProcessDiedError, describe_stuck
from infra.local.processes import Started, start
from infra.local.progress import Patience, Progress, wait_until_idle
from infra.local.running import Running

NOW = datetime.now(UTC)
PATIENCE_SECONDS = 3


class Clock:
    """Stands where the runner has its clock: time goes by while it sleeps, and whatever else takes none.

    A machine that stops everybody for longer than the runner is patient does not end its patience here.
    """

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Far(HTTPServer):
    """Airflow's API server with one run, of which a task ends every while until none is left."""

    def __init__(self, tasks: int, every: float, clock: Clock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tasks, self.every, self.clock, self.began = tasks, every, clock, clock.now

    def ended(self) -> int:
        return min(self.tasks, int((self.clock.now - self.began) / self.every))

    def answer(self, path: str, state: list[str]) -> dict[str, object]:
        runs = {"success": self.ended() == self.tasks, "running": self.ended() < self.tasks}
        if path == "/api/v2/dags":
            due = {"dag_id": "purge", "is_paused": False, "next_dagrun_run_after": str(NOW - timedelta(1))}
            return {"dags": [due] if "running" not in state and self.every > 60 else [], "total_entries": 1}
        if path == "/ui/partitioned_dag_runs":
            return {"total": 0}
        if path.endswith("/taskInstances"):
            task = {"task_id": "stage", "state": "running"}
            return {"task_instances": [task], "total_entries": self.ended() if state else 1}
        found = sum(runs.get(one, False) for one in state)
        run = {"dag_id": "gongshu__events", "dag_run_id": "r", "state": "running"}
        return {"dag_runs": [run] * found, "total_entries": found}


class _Handler(BaseHTTPRequestHandler):
    server: Far

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        answer = self.server.answer(asked.path, parse_qs(asked.query).get("state", []))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(home=tmp_path / "home", federation=REPOSITORY / "examples" / "cities")
    made.make_folders()
    return made


@pytest.fixture
def far(request: pytest.FixtureRequest) -> Iterator[Far]:
    server = Far(*request.param, Clock())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def wait(layout: Layout, far: Far, patience: Patience, processes: tuple[Started, ...] = ()) -> None:
    address = f"http://127.0.0.1:{far.server_port}"
    airflow, api = Airflow(layout, address, processes), Api(address, "")
    try:
        wait_until_idle(
            airflow, api, node_of(layout), NOW, Progress(began=watching.time.monotonic()), patience
        )
    finally:
        api.close()


@pytest.mark.parametrize("far", [(8, 2)], indirect=True, ids=["a task each two seconds"])
def test_a_long_run_of_which_tasks_end_is_waited_for(
    far: Far, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "time", far.clock)
    wait(layout, far, Patience(PATIENCE_SECONDS / 60))
    assert far.clock.now - far.began >= 16 > PATIENCE_SECONDS


@pytest.mark.parametrize("far", [(8, 1e6)], indirect=True, ids=["no task"])
def test_where_nothing_ends_what_is_not_done_is_named(
    far: Far, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "time", far.clock)
    with pytest.raises(OutOfTimeError, match="run it again: it goes on") as late:
        wait(layout, far, Patience(PATIENCE_SECONDS / 60))
    assert late.value.exit_code == 75
    assert PATIENCE_SECONDS < far.clock.now - far.began < 3 * PATIENCE_SECONDS
    (layout.logs / "scheduler.log").write_text("[info] all is well\n[error] no room\n[info] beat\n")
    lines = list(describe_stuck(layout, Api(f"http://127.0.0.1:{far.server_port}", "")))
    assert "not done: gongshu__events r is running; stage running" in lines
    assert "not begun: purge is due" in lines
    assert [line.strip() for line in lines if line.startswith(" ")] == ["[error] no room"]


def stand_in(layout: Layout, name: str) -> Started:
    """A process that only lives, in the place of one of Airflow's."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    log = layout.logs / f"{name}.log"
    return start(name, command, environment=dict(os.environ), folder=layout.home, log=log)


@pytest.mark.parametrize("far", [(8, 1e6)], indirect=True, ids=["no task"])
def test_a_scheduler_that_was_killed_is_named_and_the_rest_is_stopped(far: Far, layout: Layout) -> None:
    processes = [stand_in(layout, name) for name in ("api-server", "scheduler")]
    threading.Timer(0.5, os.kill, (processes[1].pid, signal.SIGKILL)).start()
    with pytest.raises(ProcessDiedError) as died:
        run_beside(layout, far, processes)
    assert died.value.message == "scheduler ended unexpectedly"
    assert str(layout.logs / "scheduler.log") in str(died.value)
    assert died.value.exit_code != 0
    assert not processes[0].alive()


def run_beside(layout: Layout, far: Far, processes: list[Started]) -> None:
    """Wait for work as `make run` does, which stops whatever it has started."""
    with Running(layout).guarded() as running:
        running.processes += processes
        wait(layout, far, Patience(minutes=30), tuple(processes))
