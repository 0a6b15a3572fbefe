"""A county whose tasks are killed at named writes and at random, beside one that nothing happens to."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from durable_writes import Write
from little_county import County
from plain_state import State, differences, read_state
from under_airflow import Node, Order

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

    def order(self, write: Write, when: str, *, dag: str | None = None, task: str | None = None) -> None:
        """Kill one task at a write, `before` it or `after` it."""
        self._ordered[f"{write.name} {when}"] += 1
        number = self._ordered[f"{write.name} {when}"]
        name = f"{write.name} {when} {number}"
        tries = 10 if (task or write.tasks[0]) in ("pull", "stage", "check", "load") else 2
        self.node.order([Order(name, dag, task or write.tasks[0], write.function, when, write.about, tries)])

    def round(self, number: int, *, kills: int = 0, seconds: float = 240) -> None:
        """Send files, let Airflow pull and load them, and kill so many tasks at random meanwhile."""
        self.county.send(number)
        assert self.county.run(self.clean, "walk", "--all") == 0
        self.node.trigger()
        self.wait(kills=kills, seconds=seconds)

    def decide(self, delivery: str, action: str, *, seconds: float = 240) -> None:
        """The same decision about a delivery in both homes."""
        arguments = (delivery, "--by", "Li Wei", "--reason", "looked at it")
        assert self.county.run(self.clean, "delivery", action, *arguments) == 0
        self.node.decide(delivery, action)
        self.wait(seconds=seconds)

    def wait(self, *, kills: int = 0, seconds: float = 240) -> None:
        """Wait until Airflow has nothing left to do."""
        goal = self.at_random + kills

        def meanwhile() -> None:
            running = self.node.running() if self.at_random < goal else []
            if running and self.chance.random() < 0.6:
                self.at_random += _kill(self.chance.choice(running)["pid"])

        self.node.wait_until_idle(seconds=seconds, meanwhile=meanwhile if kills else None)

    def compare(self, *, history: bool = True) -> list[str]:
        """Publish the clean home; how the killed one differs from it."""
        for verb in ("reconcile", "build", "publish"):
            assert self.county.run(self.clean, verb) == 0
        clean = read_state(self.clean)
        assert clean.faults == []
        assert clean.orphans == 0
        return differences(clean, self.state(), history=history)

    def state(self) -> State:
        return read_state(self.node.home)

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
