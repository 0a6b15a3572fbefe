"""Hundreds of kills of tasks under Airflow, five before and five after each write: the long proof, in parts.

Each part has a home, an Airflow and a clean run of its own; kill_places.py says what they kill together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import pytest
from durable_writes import UNDER_AIRFLOW
from kill_places import AT_RANDOM, EACH, PARTS
from killed_county import Killed, of_a_verdict
from little_county import partitions_of
from wanted_kills import Wanted

pytestmark = pytest.mark.long

TURNS = 20
AT_A_TIME = 2
"""Kills at random of a turn."""
OF_A_DECISION = 9
"""The most kills of one decision: each try takes seconds, and others wait for it."""
_MOVED_ROWS = ["n.range"]
_CLOSED = ["n.type"]


def _kill_loads(killed: Killed, wanted: Wanted, turn: int) -> None:
    """Two rounds share partitions; from the third on something is held, and told."""
    killed.forget_told()
    wanted.order(killed, 45, "pull", "stage", "check", "load")
    _load(killed, turn + 2, files=4)


def _kill_builds(killed: Killed, wanted: Wanted, turn: int) -> None:
    wanted.order(killed, 15, "build")
    _load(killed, turn)


def _kill_publications(killed: Killed, wanted: Wanted, turn: int) -> None:
    for task, most in (("publish", 6), ("report", 9), ("late", 4)):
        wanted.order(killed, most, task)
    _load(killed, turn)
    killed.tell_late()


def _kill_changed_contracts(killed: Killed, wanted: Wanted, turn: int) -> None:
    """Tables are made by the first load and altered by the second; later by what is replayed first."""
    if turn == 1:
        killed.widen()
    if turn < 2:
        _order_what_happens_once(killed)
    _load(killed, 3 * turn, files=3)
    killed.widen()
    _ask(killed, wanted, "replay", _while_wanted(wanted, "replay", _accepted(killed, 3 * turn)))


def _kill_releases(killed: Killed, wanted: Wanted, turn: int) -> None:
    _load(killed, 3 * turn, files=5)
    _ask(
        killed, wanted, "release", _while_wanted(wanted, "release", _accepted(killed, 3 * turn)), _MOVED_ROWS
    )


def _kill_revocations(killed: Killed, wanted: Wanted, turn: int) -> None:
    """The contract changes before the release: what the old one staged is no use when it is revoked."""
    _load(killed, 3 * turn, files=5)
    killed.widen()
    released = list(_while_wanted(wanted, "revoke", _accepted(killed, 3 * turn)))
    _ask(killed, wanted, "release", released, _MOVED_ROWS)
    _ask(killed, wanted, "revoke", _while_wanted(wanted, "revoke", released), _MOVED_ROWS)


def _kill_verdicts(killed: Killed, wanted: Wanted, turn: int) -> None:
    """Half of the events that come last are held, the others refused; they compete with those before."""
    _load(killed, 3 * turn, files=2)
    _load(killed, 3 * turn + 2, files=8)
    held = list(of_a_verdict(killed.state(), "held", "events"))
    _ask(killed, wanted, "refuse", _while_wanted(wanted, "refuse", held))
    for _ in range(2):
        _ask(killed, wanted, "approve", held)
        _ask(killed, wanted, "withdraw", held)
    closed = [one for one in _accepted(killed, 3 * turn + 2) if ".visits/" in one]
    _ask(killed, wanted, "discard", closed, _CLOSED)
    _ask(killed, wanted, "reopen", closed, _CLOSED)


def _kill_purges(killed: Killed, wanted: Wanted, turn: int) -> None:
    wanted.order(killed, 16, "purge")
    _load(killed, turn)
    killed.purge()


_TURNS: dict[str, Callable[[Killed, Wanted, int], None]] = {
    "changed contracts": _kill_changed_contracts,
    "builds": _kill_builds,
    "publications": _kill_publications,
    "releases": _kill_releases,
    "revocations": _kill_revocations,
    "loads": _kill_loads,
    "verdicts": _kill_verdicts,
    "purges": _kill_purges,
}
_WITH_BUILDS = ("builds", "publications")
"""The parts in which marts follow each load; in the others they follow once, at the end."""


def _load(killed: Killed, number: int, *, files: int = 2) -> None:
    killed.round(number, files=files, kills=min(AT_A_TIME, AT_RANDOM - killed.at_random))


def _accepted(killed: Killed, number: int) -> list[str]:
    """What was accepted of the files of a round; nobody decided about any of it yet."""
    state = killed.state()
    found = (of_a_verdict(state, "accepted", dataset) for dataset in killed.county.rules)
    return [one for one in chain.from_iterable(found) if f"/{partitions_of(number)}" in one]


def _order_what_happens_once(killed: Killed) -> None:
    """A kill before and one after each table is made or altered, and each contract is kept."""
    writes = {write.name: write for write in UNDER_AIRFLOW}
    for when in ("before", "after"):
        for dataset in killed.county.rules:
            killed.order(writes["table"], when, about=f"acounty/{dataset}")
            killed.order(writes["kept contract"], when, dag=f"acounty__{dataset}")


def _while_wanted(wanted: Wanted, action: str, deliveries: Iterable[str]) -> Iterator[str]:
    """Those of the deliveries that a kill is wanted for when they are asked for."""
    return (one for one in deliveries if wanted.about(action, one))


def _ask(
    killed: Killed, wanted: Wanted, action: str, deliveries: Iterable[str], rules: Iterable[str] = ()
) -> None:
    """The same decision about each delivery; what was not killed where it was to be waits for another one."""
    for delivery in deliveries:
        wanted.order_of(killed, action, delivery, OF_A_DECISION)
        killed.ask(delivery, action, rules=rules)
    killed.wait()
    wanted.want_again(killed.forget_orders("decide"))


@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("part", PARTS)
def test_kills_leave_what_a_clean_run_leaves(tmp_path, part):
    killed = Killed.make_patient(tmp_path, random.randrange(10**6))
    wanted = Wanted(PARTS[part], killed.chance)
    with killed.node.up():
        if part not in _WITH_BUILDS:
            killed.node.hold_builds()
        for turn in range(TURNS):
            _TURNS[part](killed, wanted, turn)
            if killed.at_random >= AT_RANDOM and not wanted.left and not killed.left_over():
                break
        killed.node.let_builds_go()
        killed.tell_late()
        failed = killed.node.failed()
    assert killed.left_over() == []
    done = killed.node.done()
    for place in PARTS[part]:
        count = sum(order["id"].startswith(place.kind) for order in done)
        assert count >= EACH, (place.kind, count)
    assert killed.at_random == AT_RANDOM
    assert {order["group"] == order["pid"] != order["of_parent"] for order in done} == {True}
    assert failed == []
    assert killed.compare() == []
    print(
        f"{part}: {len(done)} kills at writes, {killed.at_random} at random; {killed.state().orphans} orphans"
    )
