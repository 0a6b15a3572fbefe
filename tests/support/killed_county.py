"""A county whose tasks are killed at named writes and at random, beside one that nothing happens to."""

from __future__ import annotations

import hashlib
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

_TRIES = {"pull": 10, "stage": 10, "check": 10, "load": 10, "purge": 5}
_TRIES_OF_OTHERS = 2
"""How many tries of a task may be killed: of those with retries enough, and of the others, which have two."""
_MANY, _SPARE = 30, 5
"""Retries of every task of a patient node, and those of them that are left for kills at random."""
_OF_ROWS = ("release", "revoke", "discard", "reopen")
_COMMANDS = {"replay": ("replay",), **{action: ("quarantine", action) for action in _OF_ROWS}}
_LATER = 400
"""Days after which every purge looks: what was let go by then is let go in both homes."""
_ONLY = {
    "good rows in the table's folder": ("counts",),
    "rows that win or stay": ("counts",),
    "rows after a withdrawal or a replay": ("events", "visits"),
}
"""The datasets for which a replay makes a write, if not for every one: rows of `counts` never compete.

An approval lets rows compete as a load does, whichever rule they follow.
"""


@dataclass
class Killed:
    """Two homes of one county: `node` under Airflow, `clean` walked in this process.

    Attributes:
        retries: of a task of a dataset.
        tries: how many tries of any task may be killed; None for those that each has by its DAG.
        seconds: how long Airflow may take for what is begun at once.
        wide: how many contracts came before those of now.
        at_random: how many task groups were killed from outside.
    """

    node: Node
    clean: Path
    chance: random.Random
    retries: int
    tries: int | None = None
    seconds: float = 900
    wide: int = 0
    at_random: int = 0
    _ordered: Counter[str] = field(default_factory=Counter)

    @classmethod
    def make(cls, root: Path, seed: int, *, retries: int = 12) -> Killed:
        """A new county of a seed in an existing folder."""
        print(f"seed={seed}")
        county = County(root, seed)
        county.declare(retries=retries)
        return cls(Node(county, root / "home"), root / "clean", random.Random(seed), retries)

    @classmethod
    def make_patient(cls, root: Path, seed: int) -> Killed:
        """The same, where every task of every DAG has retries for many kills."""
        made = cls.make(root, seed, retries=_MANY)
        made.node.variables = {"SHANHAI_TEST_RETRIES": str(_MANY)}
        made.tries, made.seconds = _MANY - _SPARE, 3600
        return made

    @property
    def county(self) -> County:
        return self.node.county

    def order(self, write: Write, when: str, *, tries: int | None = None, **where: str) -> None:
        """Kill one task at a write, `before` it or `after` it.

        Args:
            tries: only the first so many tries; by default one is left that can end.
            where: `dag`, `task`, `about` and `of`, if they are not those of the write; `action`, which names
                what the task that decides is to do.
        """
        kind = f"{where.get('action', '')} {write.name} {when}".strip()
        self._ordered[kind] += 1
        task = where.get("task", write.tasks[0])
        if tries is None:
            tries = self.tries or _TRIES.get(task, _TRIES_OF_OTHERS)
        about, of = where.get("about", write.about), where.get("of", "")
        name, dag = f"{kind} {self._ordered[kind]}", where.get("dag")
        self.node.order([Order(name, dag, task, write.function, when, about, tries, of, write.within)])

    def order_of(self, action: str, delivery: str, kills: Iterable[tuple[Write, str]]) -> None:
        """Kill the task that carries out a decision about a delivery, as often as it has retries."""
        district, _, dataset = delivery.partition("/")[0].partition(".")
        # Neither a table nor a contract is that of one delivery, a commit says whose it is, and the names of
        # its files begin so.
        whose = {
            "table": f"{district}/{dataset}",
            "kept contract": f"urn:test:{dataset}",
            "commit of a delivery": delivery,
        }
        for write, when in kills:
            of = whose.get(write.name, hashlib.sha256(delivery.encode()).hexdigest()[:32])
            self.order(write, when, task="decide", action=action, of=of)

    def widen(self) -> None:
        """Change the contracts: they have one column more, and take other numbers."""
        self.wide += 1
        self.county.declare(retries=self.retries, wide=self.wide)

    def round(self, number: int, *, files: int = 2, kills: int = 0) -> None:
        """Send files, let Airflow pull and load them, and kill so many tasks at random meanwhile."""
        self.begin(number, files=files)
        self.wait(kills=kills)

    def begin(self, number: int, *, files: int = 2) -> None:
        """Send files of each dataset, walk the clean home, and let Airflow begin."""
        self.county.send(number, files=files, wide=self.wide)
        assert self.county.run(self.clean, "walk", "--all") == 0
        self.node.trigger()

    def decide(self, delivery: str, action: str, *, rules: Iterable[str] = ()) -> Run:
        """The same decision about a delivery in both homes, and all that follows."""
        run = self.ask(delivery, action, rules=rules)
        self.wait()
        return run

    def ask(self, delivery: str, action: str, *, rules: Iterable[str] = ()) -> Run:
        """The same decision in both homes; Airflow takes one after the other, in their order."""
        command = _COMMANDS.get(action, ("delivery", action))
        options = [option for rule in rules for option in ("--rule", rule)]
        person = ("--by", "Li Wei", "--reason", "looked at it")
        assert self.county.run(self.clean, *command, delivery, *options, *person) == 0
        return self.node.decide(delivery, action, rules)

    def purge(self) -> None:
        """The same purge in both homes, when what both have is old enough."""
        assert self.county.purge(self.clean, days=_LATER) > 0
        self.node.purge(days=_LATER)
        self.wait()

    def wait(self, *, kills: int = 0) -> None:
        """Wait until Airflow has nothing left to do."""
        goal = self.at_random + kills

        def meanwhile() -> None:
            running = self.node.running() if self.at_random < goal else []
            running = [task for task in running if self._can_bear(task)]
            if running and self.chance.random() < 0.6:
                self.at_random += _kill(self.chance.choice(running)["pid"])

        self.node.wait_until_idle(seconds=self.seconds, meanwhile=meanwhile if kills else None)

    def clean_state(self) -> State:
        """Publish the clean home; what it holds."""
        for verb in ("build", "publish"):
            assert self.county.command(self.clean, verb) == 0
        clean = read_state(self.clean)
        assert clean.faults == []
        assert clean.orphans == 0
        return clean

    def compare(self) -> list[str]:
        """How the killed home differs from the clean one, which is published now."""
        return differences(self.clean_state(), self.state())

    def state(self) -> State:
        return read_state(self.node.home)

    def tell_late(self) -> None:
        """Let the DAG `watch` tell of late windows, as if nobody had been told yet."""
        self.forget_told()
        assert self.node.api is not None
        self.node.api.unpause("watch")
        self.node.api.trigger("watch")
        self.wait()

    def forget_told(self) -> None:
        """What was told is told anew: verdicts by the next load, late windows by the next look for them."""
        shutil.rmtree(self.node.home / "notified", ignore_errors=True)

    def tasks_left(self) -> list[str]:
        """The task of each order that was not carried out."""
        left = set(self.left_over())
        return [order.task for order in self.node.ordered if order.id in left]

    def forget_orders(self, task: str) -> list[str]:
        """Take back the orders to a task that were not carried out; returns their names."""
        left = set(self.left_over())
        missed = [order.id for order in self.node.ordered if order.task == task and order.id in left]
        for name in missed:
            (self.node.orders / f"{name}.json").unlink()
        return missed

    def _can_bear(self, task: dict[str, Any]) -> bool:
        """Whether a task has tries enough for this kill beside those that are ordered."""
        patient = task["max_tries"] > _TRIES_OF_OTHERS
        return patient or (task["try_number"] == 1 and task["task_id"] not in self.tasks_left())

    def left_over(self) -> list[str]:
        """Orders that nobody came by."""
        done = {order["id"] for order in self.node.done()}
        return sorted(file.stem for file in self.node.orders.glob("*.json") if file.stem not in done)


def in_reach(write: Write, delivery: str, action: str = "replay") -> bool:
    """Whether an action on a delivery makes this write, which is one of those of such an action."""
    dataset = delivery.partition("/")[0].partition(".")[2]
    return action == "approve" or dataset in _ONLY.get(write.name, (dataset,))


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
