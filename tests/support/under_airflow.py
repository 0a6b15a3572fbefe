"""A small county under a real Airflow, whose tasks can be killed at named places or from outside."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from little_county import County

from infra.local.airflow import Airflow, prepare, start_airflow, start_process
from infra.local.api import UNFINISHED, Api, Run
from infra.local.configuration import password
from infra.local.layout import Layout
from infra.local.processes import Started, stop

SITE = Path(__file__).parent / "crash"
_AIRFLOW = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__CORE__MAX_TASK_RETRY_DELAY": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}
"""A node waits longer before it tries again; when it gives a silent task or scheduler up is the same here.

It also looks oftener whether there is something to do: here other tests wait for the processor.
"""
_BUSY_SECONDS = 1.5
"""Whoever asks the API server twice a second keeps it busier than all tasks do."""


@dataclass(frozen=True)
class Order:
    """To kill a task's process group once, when it calls a function, or when that returns.

    Args:
        id: names it, uniquely.
        dag: None for any.
        function: `module:qualified.name`, of Python code.
        when: before or after.
        about: a text that one of the function's variables has in it.
        tries: only the first so many tries are killed, so that a later one can end.
        of: another text that one of the function's variables has in it.
        within: the name of the function that calls it; empty for any.
    """

    id: str
    dag: str | None
    task: str
    function: str
    when: str
    about: str = ""
    tries: int = 2
    of: str = ""
    within: str = ""


@dataclass
class Node:
    """One home, with Airflow's processes on it while it is `up`; `heard` is what was told of it."""

    county: County
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    airflow: Airflow | None = None
    api: Api | None = None
    ordered: list[Order] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        return Layout(home=self.home, federation=self.county.root)

    @property
    def orders(self) -> Path:
        return self.county.root / "orders"

    @contextmanager
    def up(self, *, seconds: float = 900) -> Iterator[Api]:
        """Airflow's processes, from start to stop."""
        self.layout.make_folders()
        self.orders.mkdir(exist_ok=True)
        prepare(self.layout)
        running: list[Started] = []

        def started(process: Started) -> Started:
            running.append(process)
            return process

        try:
            self.airflow = start_airflow(
                self.layout, parse_every=600, started=started, variables=self._environment()
            )
            self.api = Api(self.airflow.address, password(self.layout))
            self._wait_until_ready(seconds)
            yield self.api
        finally:
            if self.api is not None:
                self.api.close()
            left = stop([*running, *(self.airflow.processes if self.airflow else ())], grace=8)
            assert left == [], left

    def scheduler(self) -> Started:
        assert self.airflow is not None
        return next(one for one in self.airflow.processes if one.name == "scheduler")

    def kill_scheduler(self) -> None:
        """SIGKILL to the scheduler's process alone; its workers and their tasks live on."""
        os.kill(self.scheduler().pid, signal.SIGKILL)

    def restart_scheduler(self) -> None:
        """Another scheduler beside what the dead one left."""
        assert self.airflow is not None
        port = int(self.airflow.address.rpartition(":")[2])
        fresh = start_process(self.layout, "scheduler", port, variables=self._environment())
        self.airflow = Airflow(self.layout, self.airflow.address, (fresh, *self.airflow.processes))

    def order(self, orders: Iterable[Order]) -> None:
        for order in orders:
            # A task that begins just now reads all orders: none of them in part.
            beside = self.orders / f"{order.id}.new"
            beside.write_text(json.dumps(asdict(order)), encoding="utf-8")
            beside.replace(self.orders / f"{order.id}.json")
            self.ordered.append(order)

    def done(self) -> list[dict[str, Any]]:
        """The orders that were carried out, with the process and the group that died."""
        return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(self.orders.glob("*.done"))]

    def log(self, run: Run, task: str, *, attempt: int = 1) -> str:
        """What a try of a task wrote; empty if it did not come so far."""
        folder = self.layout.airflow / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
        file = folder / f"task_id={task}" / f"attempt={attempt}.log"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def running(self) -> list[dict[str, Any]]:
        """The tries that run now and are not the last of their task, as the REST API tells them."""
        assert self.api is not None
        found = self.api.running_tasks()
        return [task for task in found if task["pid"] and task["try_number"] <= task["max_tries"]]

    def decide(self, delivery: str, action: str, rules: Iterable[str] = ()) -> Run:
        """A person's decision, by the DAG for it."""
        assert self.api is not None
        person = {"by": "Li Wei", "reason": "looked at it"}
        conf = {"delivery": delivery, "action": action, "rules": list(rules), **person}
        return self.api.trigger("decisions", conf=conf)

    def purge(self, *, days: int) -> Run:
        """A purge by the DAG for it, in whose tasks so many days have gone by."""
        assert self.api is not None
        (self.orders / "days").write_text(str(days), encoding="utf-8")
        self.api.unpause("purge")
        return self.api.trigger("purge")

    def set_clock_back(self, *, hours: int) -> None:
        """From now on the clock of each task that begins is so far behind, but of a purge; 0: it is right."""
        file = self.orders / "hours_back"
        file.unlink(missing_ok=True)
        if hours:
            file.write_text(str(hours), encoding="utf-8")

    def hold_builds(self) -> None:
        """Let no build begin until they are let go again; what loads emit until then is lost."""
        assert self.api is not None
        self.api._send("PATCH", "/api/v2/dags/warehouse", json={"is_paused": True})

    def let_builds_go(self) -> None:
        """What changed meanwhile is noticed by the DAG `watch`."""
        assert self.api is not None
        self.api.unpause("warehouse")

    def clear(self, run: Run, *, only_failed: bool = True) -> None:
        """Let the failed tasks of a run, or all of them, and what follows them, run again."""
        assert self.api is not None
        body = {
            "dag_run_id": run.run_id,
            "only_failed": only_failed,
            "include_downstream": True,
            "dry_run": False,
        }
        self.api._send("POST", f"/api/v2/dags/{run.dag_id}/clearTaskInstances", json=body)

    def trigger(self) -> list[Run]:
        """A run of every dataset."""
        assert self.api is not None
        return [self.api.trigger(f"acounty__{name}") for name in self._datasets()]

    def wait_until_idle(self, *, seconds: float, meanwhile: Callable[[], object] | None = None) -> None:
        """Wait until no run is queued or running and no event waits for one; `meanwhile` is called often.

        Args:
            seconds: as in `wait_for`.
        """
        assert self.api is not None
        api, quiet = self.api, 0

        def idle() -> bool:
            nonlocal quiet
            busy = api.count(state=list(UNFINISHED)) or api.pending_events()
            quiet = 0 if busy else quiet + 1
            if meanwhile is not None and busy:
                meanwhile()
            elif busy:
                time.sleep(_BUSY_SECONDS)
            return quiet == 3

        self.wait_for(idle, seconds=seconds)

    def wait_for(self, done: Callable[[], bool], *, seconds: float) -> None:
        """Wait until something is so, for as long as runs go on.

        Args:
            seconds: in which no task changed its state, so that waiting longer is in vain: how much a
                machine does in a minute says nothing about what it was asked to do.
        """
        until, before = time.monotonic() + seconds, ""
        while not done():
            if time.monotonic() > until:
                now = self.stuck()
                assert now != before, now
                until, before = time.monotonic() + seconds, now
            time.sleep(0.5)

    def stuck(self) -> str:
        assert self.api is not None
        lines = []
        for run in self.api.runs(state=list(UNFINISHED)):
            states = {task["task_id"]: (task["state"], task["try_number"]) for task in self.api.tasks(run)}
            lines.append(f"{run.dag_id} {run.run_id} {run.state} {states}")
        return "\n".join(lines) or "waited in vain"

    def failed(self) -> list[tuple[str, str]]:
        """Tasks that failed for good, with their DAG."""
        assert self.api is not None
        return [
            (run.dag_id, task["task_id"])
            for run in self.api.runs(state=["failed"])
            for task in self.api.tasks(run)
            if task["state"] == "failed"
        ]

    def _datasets(self) -> list[str]:
        document = json.loads(self.layout.knobs.read_text(encoding="utf-8"))
        return [entry["dag_id"].partition("__")[2] for entry in document["datasets"]]

    def _environment(self) -> dict[str, str]:
        known = os.pathsep.join([str(SITE), str(Path(__file__).parents[2])])
        return {
            "PYTHONPATH": known,
            "SHANHAI_DBT_PROJECT": str(self.county.marts),
            "SHANHAI_TEST_ORDERS": str(self.orders),
            **_AIRFLOW,
            **self.variables,
        }

    def _wait_until_ready(self, seconds: float) -> None:
        assert self.api is not None
        assert self.airflow is not None
        expected = {"warehouse", "decisions", *(f"acounty__{name}" for name in self._datasets())}
        until = time.monotonic() + seconds
        while not self.api.healthy():
            assert time.monotonic() < until, "Airflow does not start"
            assert not self.airflow.dead(), self.airflow.dead()
            time.sleep(0.3)
        self.api.log_in()
        while not expected <= self.api.dags().keys():
            assert not self.api.import_errors(), self.api.import_errors()
            assert time.monotonic() < until, "DAGs are not read"
            time.sleep(0.5)
