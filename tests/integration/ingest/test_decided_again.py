"""A decision that is tried again: found by the key of its request, whatever others decided since."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from one_city import DATASET, HEADER, City

from shanhai import steps
from shanhai.errors import BusyError, ConfigurationError, DeniedError, ShanhaiError
from shanhai.ingest.already import AlreadySoError
from shanhai.ingest.approved import Person
from shanhai.ingest.books import Entry, entries, moving
from shanhai.ingest.decisions import Decision, carry_out
from shanhai.ingest.ledger import ledger
from shanhai.ingest.load import open_table
from shanhai.ingest.quarantine import groups
from shanhai.ingest.release import release, revoke
from shanhai.ingest.replay import judge_again
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.waivers import Waiver, Waivers
from shanhai.settings import load_settings
from shanhai.warehouse.last_build import BuildResult, keep_build
from shanhai.warehouse.sources import pin

LI = {"by": "Li Wei", "reason": "looked at it"}
WANG = {"by": "Wang Qiang", "reason": "it was wrong"}
GOOD = "a,1,2024-01-01\nb,2,2024-01-01\nc,3,2024-01-01\n"
BAD = "x,x,2024-01-01\ny,-1,2024-01-01\nz,-1,never\n"
TOLERANCE = {"hold": 0.6, "refuse": 0.9}

Asked = tuple[str, Decision, list[str]]
"""A partition, what is decided of its delivery, and of which rules."""


@dataclass(frozen=True)
class Reversal:
    """What was decided before, what is tried twice, and what undoes it in between."""

    decision: Asked
    undo: Asked
    before: tuple[Asked, ...] = ()
    wide: bool = False


REVERSALS = {
    "approve": Reversal(("held", "approve", []), ("held", "withdraw", [])),
    "refuse": Reversal(("held", "refuse", []), ("held", "approve", [])),
    "withdraw": Reversal(("in", "withdraw", []), ("in", "approve", [])),
    "replay": Reversal(("in", "replay", []), ("in", "withdraw", []), wide=True),
    "release": Reversal(("in", "release", ["n.range"]), ("in", "revoke", [])),
    "revoke": Reversal(
        ("in", "revoke", []), ("in", "release", ["n.range"]), before=(("in", "release", ["n.range"]),)
    ),
    "discard": Reversal(("in", "discard", ["n.type"]), ("in", "reopen", [])),
    "reopen": Reversal(
        ("in", "reopen", []), ("in", "discard", ["n.type"]), before=(("in", "discard", ["n.type"]),)
    ),
}


@pytest.fixture(scope="module")
def walked_once(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(tmp_path_factory.mktemp("once"))
    city.declare(tolerance=TOLERANCE)
    city.put("in.csv", f"{HEADER}{GOOD}{BAD}")
    city.put("held.csv", f"{HEADER}d,1,2024-01-01\n{BAD}")
    city.walk()
    assert {name: row.verdict for name, row in city.ledger().items()} == {"in": "accepted", "held": "held"}
    return city


@pytest.fixture
def city(walked_once: City, tmp_path: Path) -> Iterator[City]:
    made = walked_once.copied(tmp_path / "node")
    yield made
    assert all(row.counts.balanced for row in ledger(made.node))


def decided(city: City, asked: Asked, who: dict[str, str], key: str = "") -> Entry | None:
    partition, decision, rules = asked
    (delivery,) = (one.id for one in sidecars(city.node, DATASET) if one.id.partition == partition)
    return carry_out(city.node, delivery, decision, rules=rules, idempotency_key=key, **who)


def widen(city: City) -> None:
    """Let a number be one below zero."""
    columns = [
        {"name": "id", "logicalType": "string", "primaryKey": True, "customProperties": [SOURCE]},
        {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": -1}},
        {"name": "at", "logicalType": "timestamp", "required": True},
    ]
    city.declare(columns, tolerance=TOLERANCE)


SOURCE = {"property": "source", "value": "编号"}


def books(city: City) -> list[tuple[int, Entry]]:
    return list(entries(open_table(city.node, DATASET)))


def seen(city: City) -> object:
    """Everything that a decision may change."""
    states = {(one.delivery, one.reason, one.state): one.rows for one in groups(city.node)}
    return books(city), city.rows(), city.ledger(), states


@pytest.mark.parametrize("decision", REVERSALS)
def test_what_somebody_has_reversed_stays_so_when_the_decision_is_tried_again(city: City, decision: str):
    case = REVERSALS[decision]
    for asked in case.before:
        decided(city, asked, LI)
    if case.wide:
        widen(city)
    done = decided(city, case.decision, LI, "run 1")
    assert done is not None
    assert done.idempotency_key == "run 1"
    before = books(city)
    assert decided(city, case.decision, LI, "run 1") == done, "the task was killed after the commit"
    assert books(city) == before
    assert decided(city, case.undo, WANG) is not None
    reversed_ = seen(city)
    assert decided(city, case.decision, LI, "run 1") == done, "somebody cleared the task"
    assert seen(city) == reversed_


def test_the_same_said_once_more_in_another_run_is_another_decision(city: City):
    approve: Asked = ("held", "approve", [])
    first = decided(city, approve, LI, "run 1")
    decided(city, ("held", "withdraw", []), WANG)
    assert ("d", 1) not in city.rows()
    second = decided(city, approve, LI, "run 2")
    assert second is not None
    assert second != first
    assert ("d", 1) in city.rows()


def test_a_key_is_of_one_delivery(city: City):
    one, other = (decided(city, (name, "discard", []), LI, "run 1") for name in ("in", "held"))
    assert one is not None
    assert other is not None
    assert one.delivery != other.delivery


DENIALS: dict[str, tuple[list[Asked], Asked, type[ShanhaiError]]] = {
    "approve": ([("held", "approve", [])], ("held", "approve", []), AlreadySoError),
    "refuse": ([("held", "refuse", [])], ("held", "refuse", []), AlreadySoError),
    "withdraw": ([("in", "withdraw", [])], ("in", "withdraw", []), AlreadySoError),
    "replay": ([("in", "replay", []), ("in", "withdraw", [])], ("in", "replay", []), DeniedError),
    "release": ([("in", "release", ["n.range"])], ("in", "release", ["n.type"]), DeniedError),
    "revoke": ([("in", "release", ["n.range"])], ("in", "revoke", ["at.type"]), ConfigurationError),
    "discard": ([("in", "discard", ["n.type"])], ("in", "discard", ["n.type"]), AlreadySoError),
    "reopen": ([("in", "discard", []), ("in", "reopen", [])], ("in", "reopen", []), AlreadySoError),
}
"""What was said, what is asked for then, and what that is told: 0 so already, 77 denied, 78 no such rule."""


@pytest.mark.parametrize("decision", DENIALS)
def test_what_was_denied_is_denied_again_though_the_same_person_said_as_much_before(
    city: City, decision: str
):
    said, asked, told = DENIALS[decision]
    if decision == "replay":
        widen(city)
    for number, one in enumerate(said):
        assert decided(city, one, LI, f"run {number}") is not None
    before = books(city)
    for _ in range(2):
        with pytest.raises(told) as met:
            decided(city, asked, LI, "the run that was denied")
        assert type(met.value) is told
    assert books(city) == before


def test_a_release_is_found_done_although_its_rule_is_gone_from_the_contract(city: City):
    asked: Asked = ("in", "release", ["n.range"])
    done = decided(city, asked, LI, "run 1")
    city.declare(
        [
            {"name": "id", "logicalType": "string", "primaryKey": True, "customProperties": [SOURCE]},
            {"name": "n", "logicalType": "integer", "required": True},
            {"name": "at", "logicalType": "timestamp", "required": True},
        ],
        tolerance=TOLERANCE,
    )
    assert decided(city, asked, LI, "run 1") == done
    with pytest.raises(ConfigurationError, match="no such rule"):
        decided(city, asked, LI, "run 2")


def test_a_replay_that_finds_nothing_to_change_is_noted_once(city: City):
    city.declare(tolerance={"hold": 0.7, "refuse": 0.9})
    replay: Asked = ("in", "replay", [])
    done = decided(city, replay, LI, "run 1")
    assert done is not None
    assert done.is_alike
    city.declare(tolerance={"hold": 0.8, "refuse": 0.9})
    before = books(city)
    assert decided(city, replay, LI, "run 1") == done, "it is behind again, but that is another request"
    assert books(city) == before
    assert decided(city, replay, LI, "run 2") is not None
    before = books(city)
    assert decided(city, replay, LI, "run 3") is None, "and now it is behind no longer"
    assert books(city) == before


@pytest.mark.parametrize("decision", ["approve", "release", "discard"])
def test_of_tries_at_the_same_moment_one_is_booked(city: City, decision: str):
    case = REVERSALS[decision]

    def tried(_: int) -> Entry | None:
        try:
            return decided(city, case.decision, LI, "run 1")
        except BusyError:
            return None

    with ThreadPoolExecutor(3) as pool:
        told = {entry for entry in pool.map(tried, range(3)) if entry is not None}
    assert [line for _, line in books(city) if line.idempotency_key] == list(told)


def test_a_try_that_nobody_watches_any_more_may_end_amid_the_next_one(city: City):
    """Its supervisor was killed: it goes on, and so does the next try, which had found nothing done yet."""
    delivery, waiver = city.delivery("in"), Waiver(rules=("n.range",), **LI)
    meanwhile: list[object] = []

    def waive(waivers: Waivers) -> Waivers:
        if not meanwhile:
            done = release(city.node, delivery, ["n.range"], **LI, idempotency_key="run 1").entry
            meanwhile.append(done)
            revoke(city.node, delivery, **WANG)
        return (*waivers, waiver)

    found = judge_again(city.node, delivery, waive, Person(**LI, idempotency_key="run 1"))
    assert [found.entry] == meanwhile
    assert [line.decided_by for _, line in books(city) if line.decided_by] == [LI["by"], WANG["by"]]


@pytest.fixture
def step(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bool]]:
    """Whether the marts have to follow, by what a scheduler calls."""
    monkeypatch.setenv("SHANHAI_HOME", str(city.root / "home"))
    monkeypatch.setenv("SHANHAI_FEDERATION", str(city.root))
    load_settings.cache_clear()

    def call(partition: str, action: Decision, key: str) -> bool:
        named = str(city.delivery(partition))
        return bool(steps.decide_step(named, action, **LI, idempotency_key=key)["changed"])

    yield call
    load_settings.cache_clear()


def test_the_marts_follow_until_a_build_has_seen_what_was_decided(city: City, step: Callable[..., bool]):
    built(city)
    assert not step("in", "discard", "run 1"), "no row has moved"
    assert steps.unseen_step() == {"unseen": []}
    assert step("held", "approve", "run 2")
    assert step("held", "approve", "run 2"), "killed before it could tell"
    assert steps.unseen_step() == {"unseen": [str(DATASET)]}
    decided(city, ("held", "withdraw", []), WANG)
    built(city)
    assert not step("held", "approve", "run 2"), "cleared days later"


def built(city: City) -> None:
    """A build ends that has seen the lake as it is."""
    node = city.node
    pins = pin(node.settings, node.federation)
    (node.home / "scratch").mkdir(parents=True, exist_ok=True)
    keep_build(node.settings, BuildResult("it", pins, (), Path("build.duckdb"), 0.0))


def test_commits_without_keys_are_read_as_ever(city: City):
    decided(city, ("held", "approve", []), LI)
    before = seen(city)
    assert isinstance(before, tuple)
    logs = sorted(city.node.table(DATASET).glob("_delta_log/*.json"))
    texts = [log.read_text(encoding="utf-8") for log in logs]
    key = re.compile(r'\\"idempotency_key\\": ?\\"\\", ?')
    assert sum(len(key.findall(text)) for text in texts) == len(books(city)) == 3
    for log, text in zip(logs, texts, strict=True):
        log.write_text(key.sub("", text), encoding="utf-8")
        assert "idempotency_key" not in log.read_text(encoding="utf-8")
    assert seen(city) == before
    assert [len(moving(commit)) for commit in open_table(city.node, DATASET).commits()] == [1, 1, 1]
