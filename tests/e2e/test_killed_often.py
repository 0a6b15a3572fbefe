"""More than 200 kills of tasks under Airflow, five before and five after each write: the long proof."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import pytest
from durable_writes import (
    OF_A_NOTE,
    OF_A_PURGE,
    OF_A_RELEASE,
    OF_A_REPLAY,
    OF_A_WITHDRAWAL,
    OF_AN_APPROVAL,
    UNDER_AIRFLOW,
    Write,
)
from killed_county import Killed, in_reach, of_a_verdict

pytestmark = pytest.mark.long

EACH = 5
AT_RANDOM = 30
ROUNDS = 60
RETRIES = 30
WIDE_FROM = 12
"""Before this round contracts change with nothing judged again: a load alters the tables and keeps them."""
_ONCE = {
    "table": ("acounty/events", "acounty/visits", "acounty/counts"),
    "kept contract": ("acounty__events", "acounty__visits", "acounty__counts"),
}
_PATIENT = ("pull", "stage", "check", "load")
_A_PURGE_BEARS = 4
_OF_AN_ACTION = {
    "approve": OF_AN_APPROVAL,
    "refuse": OF_A_NOTE,
    "withdraw": OF_A_WITHDRAWAL,
    "replay": OF_A_REPLAY,
    "release": OF_A_RELEASE,
    "revoke": OF_A_RELEASE,
    "discard": OF_A_NOTE,
    "reopen": OF_A_NOTE,
    "purge": OF_A_PURGE,
}
"""What the tasks for a decision and for a purge write, beside what follows from files that come."""

Kill = tuple[str, Write, str]
"""What it is an action of, or nothing; the write; before or after it."""


@dataclass
class Waiting:
    """The kills that are wanted and were not ordered yet."""

    kills: list[Kill]
    judged: set[str] = field(default_factory=set)

    def wants(self, action: str) -> bool:
        return any(kill[0] == action for kill in self.kills)

    def take(self, most: int, wanted: Callable[[Kill], bool]) -> list[tuple[Write, str]]:
        taken = list(islice(filter(wanted, self.kills), max(most, 0)))
        for one in taken:
            self.kills.remove(one)
        return [(write, when) for _, write, when in taken]

    def take_of_tasks(self, tasks: tuple[str, ...], most: int) -> list[tuple[Write, str]]:
        return self.take(most, lambda kill: not kill[0] and kill[1].tasks[0] in tasks)

    def take_of_a_decision(self, action: str, delivery: str) -> list[tuple[Write, str]]:
        """Two, as many as the task that decides has retries."""
        return self.take(2, lambda kill: kill[0] == action and in_reach(kill[1], delivery, action))


def _places() -> Iterator[Kill]:
    """Where there are to be kills."""
    writes = [("", write) for write in UNDER_AIRFLOW if write.tasks[0] not in ("decide", "purge")]
    writes += [(action, write) for action, each in _OF_AN_ACTION.items() for write in each]
    yield from ((action, write, when) for action, write in writes for when in ("before", "after"))


def _wanted() -> list[Kill]:
    """Each so often; what happens once a contract and table is ordered apart."""
    return [kill for kill in _places() if kill[0] or kill[1].name not in _ONCE] * EACH


def _order_what_happens_once(killed: Killed) -> None:
    """A table is made or altered once, and a contract kept once: a kill before and one after it."""
    writes = {write.name: write for write in UNDER_AIRFLOW}
    for when in ("before", "after"):
        for table in _ONCE["table"]:
            killed.order(writes["table"], when, about=table)
        for dag in _ONCE["kept contract"]:
            killed.order(writes["kept contract"], when, dag=dag)


def _orders_of_a_round(killed: Killed, waiting: Waiting) -> None:
    """As many as the tasks of one round can bear; a task with two retries dies twice a run."""
    bearable = ((_PATIENT, 16), (("build",), 4), (("publish",), 4), (("report",), 4), (("late",), 2))
    for tasks, most in bearable:
        left = sum(task in tasks for task in killed.tasks_left())
        for write, when in waiting.take_of_tasks(tasks, most - left):
            killed.order(write, when)


def _decide(killed: Killed, waiting: Waiting, number: int) -> None:
    """Refuse what is held and approve it then; withdraw what came first, and what came now for a while."""
    state = killed.state()
    held, accepted = (list(of_a_verdict(state, verdict, "events")) for verdict in ("held", "accepted"))
    first = accepted[number % 2]
    fresh = [one for one in _fresh(killed, waiting, "events") if one != first and waiting.wants("approve")]
    if waiting.wants("refuse"):
        _ask(killed, waiting, "refuse", held)
    _ask(killed, waiting, "withdraw", [first, *fresh[:1]])
    _wait(killed, waiting)
    _ask(killed, waiting, "approve", [*held, *fresh[:1]])
    # The next contract would refuse what this one holds: nothing could be revoked then.
    waiting.judged.update(held)
    _wait(killed, waiting)


def _judge_again(killed: Killed, waiting: Waiting) -> None:
    """Of what came since the last purge replay one delivery of each dataset, and release rows of another.

    Releases are revoked, and refused rows discarded and open again, for as long as kills of that are wanted.
    """
    fresh = [_fresh(killed, waiting, dataset) for dataset in killed.county.rules]
    replayed = [found[0] for found in fresh if found]
    released = [found[1] for found in fresh if len(found) > 1]
    waiting.judged |= {*replayed, *released}
    _ask(killed, waiting, "replay", replayed)
    _ask(killed, waiting, "release", released, ["n.range"])
    _wait(killed, waiting)
    closes = waiting.wants("discard") or waiting.wants("reopen")
    if waiting.wants("revoke"):
        _ask(killed, waiting, "revoke", released)
    if closes:
        _ask(killed, waiting, "discard", replayed, ["n.type"])
    _wait(killed, waiting)
    if closes:
        _ask(killed, waiting, "reopen", replayed, ["n.type"])
        _wait(killed, waiting)


def _fresh(killed: Killed, waiting: Waiting, dataset: str) -> list[str]:
    """What was accepted since the last purge, and judged once."""
    return [one for one in of_a_verdict(killed.state(), "accepted", dataset) if one not in waiting.judged]


def _ask(
    killed: Killed, waiting: Waiting, action: str, deliveries: Iterable[str], rules: Iterable[str] = ()
) -> None:
    """The same decision about some deliveries, with two kills of each."""
    for delivery in deliveries:
        killed.order_of(action, delivery, waiting.take_of_a_decision(action, delivery))
        killed.ask(delivery, action, rules=rules)


def _wait(killed: Killed, waiting: Waiting) -> None:
    """Wait until all is carried out; what was not killed where it was to be waits for another one."""
    killed.wait()
    missed = killed.forget_orders("decide")
    waiting.kills += [kill for kill in _places() for name in missed if name.startswith(_kind(kill))]


def _purge(killed: Killed, waiting: Waiting) -> None:
    left = killed.tasks_left().count("purge")
    for write, when in waiting.take(_A_PURGE_BEARS - left, lambda kill: kill[0] == "purge"):
        killed.order(write, when, task="purge", action="purge")
    killed.purge()
    waiting.judged |= killed.state().verdicts.keys()


def _kind(kill: Kill) -> str:
    """How the names of its orders begin."""
    return f"{kill[0]} {kill[1].name} {kill[2]} ".lstrip()


@pytest.mark.timeout(4 * 3600)
def test_two_hundred_kills_leave_what_a_clean_run_leaves(tmp_path):
    killed = Killed.make(tmp_path, random.randrange(10**6), retries=RETRIES)
    waiting = Waiting(_wanted())
    killed.chance.shuffle(waiting.kills)
    with killed.node.up():
        for number in range(ROUNDS):
            if number == WIDE_FROM:
                killed.widen()
            if number in (0, WIDE_FROM):
                _order_what_happens_once(killed)
            _orders_of_a_round(killed, waiting)
            killed.round(number, kills=2 if killed.at_random < AT_RANDOM else 0)
            if number % 2:
                _decide(killed, waiting, number)
            killed.tell_late()
            if number + 1 != WIDE_FROM:
                killed.widen()
                _judge_again(killed, waiting)
            _purge(killed, waiting)
            if number > WIDE_FROM and not waiting.kills and not killed.left_over():
                break
        failed = killed.node.failed()
    assert killed.left_over() == []
    done = killed.node.done()
    assert len(done) + killed.at_random >= 200
    for kill in _places():
        count = sum(order["id"].startswith(_kind(kill)) for order in done)
        assert count >= EACH, (_kind(kill), count)
    assert {order["group"] == order["pid"] != order["of_parent"] for order in done} == {True}
    assert failed == []
    assert killed.compare() == []
    print(f"kills: {len(done)} at writes, {killed.at_random} at random; orphans: {killed.state().orphans}")
