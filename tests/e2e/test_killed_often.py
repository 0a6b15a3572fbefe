"""More than 200 kills of tasks under Airflow, five before and five after each write: the long proof."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import pytest
from durable_writes import UNDER_AIRFLOW, Write
from killed_county import Killed, of_a_verdict

pytestmark = pytest.mark.long

EACH = 5
AT_RANDOM = 30
ROUNDS = 50
RETRIES = 30
WIDE_FROM = 12
"""From this round on contracts have a column more: tables are altered, and the contracts kept."""
_ONCE = {
    "table": ("acounty/events", "acounty/visits", "acounty/counts"),
    "kept contract": ("acounty__events", "acounty__visits", "acounty__counts"),
}
_PATIENT = ("pull", "stage", "check", "load")


def _wanted() -> Iterator[tuple[Write, str]]:
    """Each write so often before and after; what happens once a contract and table is ordered apart."""
    for write in UNDER_AIRFLOW:
        if write.name not in _ONCE:
            yield from [(write, when) for when in ("before", "after")] * EACH


def _order_what_happens_once(killed: Killed) -> None:
    """A table is made or altered once, and a contract kept once: a kill before and one after it."""
    writes = {write.name: write for write in UNDER_AIRFLOW}
    for when in ("before", "after"):
        for table in _ONCE["table"]:
            killed.order(writes["table"], when, about=table)
        for dag in _ONCE["kept contract"]:
            killed.order(writes["kept contract"], when, dag=dag)


def _take(waiting: list[tuple[Write, str]], tasks: tuple[str, ...], most: int) -> list[tuple[Write, str]]:
    taken = list(islice((one for one in waiting if one[0].tasks[0] in tasks), max(most, 0)))
    for one in taken:
        waiting.remove(one)
    return taken


def _orders_of_a_round(killed: Killed, waiting: list[tuple[Write, str]]) -> None:
    """As many as the tasks of one round can bear; a task with two retries dies twice a run."""
    bearable = ((_PATIENT, 16), (("build",), 4), (("publish",), 4), (("report",), 4), (("late",), 2))
    for tasks, most in bearable:
        left = sum(task in tasks for task in killed.tasks_left())
        for write, when in _take(waiting, tasks, most - left):
            killed.order(write, when)


def _decide(killed: Killed, waiting: list[tuple[Write, str]], number: int) -> None:
    """Approve what is held, and withdraw what came first; two kills of each decision."""
    state = killed.state()
    held, accepted = (list(of_a_verdict(state, verdict, "events")) for verdict in ("held", "accepted"))
    for delivery, action in [*((name, "approve") for name in held), (accepted[number % 2], "withdraw")]:
        if action == "withdraw":
            for write, when in _take(waiting, ("decide",), 2):
                killed.order(write, when)
        killed.decide(delivery, action)


@pytest.mark.timeout(3 * 3600)
def test_two_hundred_kills_leave_what_a_clean_run_leaves(tmp_path):
    killed = Killed.make(tmp_path, random.randrange(10**6), retries=RETRIES)
    waiting = list(_wanted())
    killed.chance.shuffle(waiting)
    with killed.node.up():
        for number in range(ROUNDS):
            wide = number >= WIDE_FROM
            if number == WIDE_FROM:
                killed.county.declare(retries=RETRIES, wide=True)
            if number in (0, WIDE_FROM):
                _order_what_happens_once(killed)
            _orders_of_a_round(killed, waiting)
            killed.round(number, kills=2 if killed.at_random < AT_RANDOM else 0, wide=wide)
            if number % 2:
                _decide(killed, waiting, number)
            killed.tell_late()
            if number > WIDE_FROM and not waiting and not killed.left_over():
                break
        failed = killed.node.failed()
    assert killed.left_over() == []
    done = killed.node.done()
    assert len(done) + killed.at_random >= 200
    for write in UNDER_AIRFLOW:
        for when in ("before", "after"):
            count = sum(order["id"].startswith(f"{write.name} {when} ") for order in done)
            assert count >= EACH, (write.name, when, count)
    assert {order["group"] == order["pid"] != order["of_parent"] for order in done} == {True}
    assert failed == []
    assert killed.compare() == []
    print(f"kills: {len(done)} at writes, {killed.at_random} at random; orphans: {killed.state().orphans}")
