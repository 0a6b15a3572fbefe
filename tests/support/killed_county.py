"""A county whose tasks are killed at named writes and at random, beside one that nothing happens to."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_writes import Write
from little_county import County
from plain_state import State, differences, read_state
from under_airflow import Node, Order

from infra.local.api import Run

_TRIES = 10
_TRIES_OF_OTHERS = 2
"""How many tries of a task may be killed: of a dataset's tasks, and of the others, which have two retries."""


@dataclass
class Killed:
    """Two homes of one county: `node` under Airflow, `clean` walked in this process.

    Attributes:
        at_random: how many task groups were killed from outside.
    """

    node: Node
    clean: Path
    chance: random.Random
    at_random: int = 0
    _ordered: Counter[str] = field(default_factory=Counter)

    @classmethod
    def make(cls, root: Path, seed: int, *, retries: int = 12) -> Killed:
        """A new county of a seed in an existing folder."""
        print(f"seed={seed}")
        county = County(root, seed)
        county.declare(retries=retries)
        return cls(Node(county, root / "home"), root / "clean", random.Random(seed))

    @property
    def county(self) -> County:
        return self.node.county

    def order(self, write: Write, when: str, *, tries: int | None = None, **where: str) -> None:
        """Kill one task at a write, `before` it or `after` it.

        Args:
            tries: only the first so many tries; by default one is left that can end.
            where: `dag`, `task` and `about`, if they are not those of the write.
        """
        self._ordered[f"{write.name} {when}"] += 1
        name = f"{write.name} {when} {self._ordered[f'{write.name} {when}']}"
        task = where.get("task", write.tasks[0])
        if tries is None:
            tries = _TRIES if task in ("pull", "stage", "check", "load") else _TRIES_OF_OTHERS
        about = where.get("about", write.about)
        self.node.order([Order(name, where.get("dag"), task, write.function, when, about, tries)])

    def round(self, number: int, *, kills: int = 0, wide: bool = False) -> None:
        """Send files, let Airflow pull and load them, and kill so many tasks at random meanwhile."""
        self.begin(number, wide=wide)
        self.wait(kills=kills)

    def begin(self, number: int, *, wide: bool = False) -> None:
        """Send files, walk the clean home, and let Airflow begin."""
        self.county.send(number, wide=wide)
        assert self.county.run(self.clean, "walk", "--all") == 0
        self.node.trigger()

    def decide(self, delivery: str, action: str) -> Run:
        """The same decision about a delivery in both homes."""
        arguments = (delivery, "--by", "Li Wei", "--reason", "looked at it")
        assert self.county.run(self.clean, "delivery", action, *arguments) == 0
        run = self.node.decide(delivery, action)
        self.wait()
        return run

    def wait(self, *, kills: int = 0, seconds: float = 900) -> None:
        """Wait until Airflow has nothing left to do."""
        goal = self.at_random + kills

        def meanwhile() -> None:
            running = self.node.running() if self.at_random < goal else []
            running = [task for task in running if self._can_bear(task)]
            if running and self.chance.random() < 0.6:
                self.at_random += _kill(self.chance.choice(running)["pid"])

        self.node.wait_until_idle(seconds=seconds, meanwhile=meanwhile if kills else None)

    def compare(self, *, history: bool = True) -> list[str]:
        """Publish the clean home; how the killed one differs from it."""
        for verb in ("reconcile", "build", "publish"):
            assert self.county.command(self.clean, verb) == 0
        clean = read_state(self.clean)
        assert clean.faults == []
        assert clean.orphans == 0
        return differences(clean, self.state(), history=history)

    def state(self) -> State:
        return read_state(self.node.home)

    def tell_late(self) -> None:
        """Let the DAG `watch` tell of late windows, as if nobody had been told yet."""
        shutil.rmtree(self.node.home / "notified", ignore_errors=True)
        assert self.node.api is not None
        self.node.api.unpause("watch")
        self.node.api.trigger("watch")
        self.wait()

    def tasks_left(self) -> list[str]:
        """The task of each order that was not carried out."""
        left = set(self.left_over())
        return [order.task for order in self.node.ordered if order.id in left]

    def _can_bear(self, task: dict[str, Any]) -> bool:
        """Whether a task has tries enough for this kill beside those that are ordered."""
        patient = task["max_tries"] > _TRIES_OF_OTHERS
        return patient or (task["try_number"] == 1 and task["task_id"] not in self.tasks_left())

    def left_over(self) -> list[str]:
        """Orders that nobody came by."""
        done = {order["id"] for order in self.node.done()}
        return sorted(file.stem for file in self.node.orders.glob("*.json") if file.stem not in done)


def _kill(task: int) -> bool:
    """SIGKILL to the process group that a task leads; whether it was still there."""
    try:
        assert os.getpgid(task) == task
        os.killpg(task, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def of_a_verdict(state: State, verdict: str, dataset: str) -> Iterable[str]:
    """The deliveries of a dataset that have a verdict, by name."""
    return sorted(name for name, told in state.verdicts.items() if told == verdict and f".{dataset}/" in name)
