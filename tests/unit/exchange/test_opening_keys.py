"""Which old keys that open are needed for whom: case by case, and against what may be under way."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from shanhai.exchange.algorithms import ED25519
from shanhai.exchange.keysets import HPKE, Keyset
from shanhai.exchange.opening_keys import SLACK, Sealer, first_listed, sealed_by, still_needed
from shanhai.exchange.suites import CLASSIC, HYBRID
from shanhai.keyring.rotation import Policy, first_keyset, new_keys, new_roots, next_keyset

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy(require=(ED25519,), suites=(CLASSIC,))
ROOTS = new_roots(POLICY)
BOTH = replace(POLICY, suites=(HYBRID, CLASSIC))


def versions(*days: int, policy: Policy = POLICY, overlap: timedelta = 30 * DAY) -> tuple[Keyset, ...]:
    """A version at the start, and one at each of these days."""
    keysets = [first_keyset("longyou", ROOTS, new_keys(policy), policy, START)]
    for day in days:
        now = START + day * DAY
        keysets.append(next_keyset(keysets[-1], new_keys(policy), policy, now, overlap=overlap))
    return tuple(keysets)


def opening(keysets: tuple[Keyset, ...], version: int) -> str:
    """The key that opens and that a version brought."""
    first = first_listed(keysets)
    return next(one.kid for one in keysets[version - 1].of_use(HPKE) if first[one.kid] == version)


THREE = versions(100, 200)
LATE = START + 260 * DAY


def knowing(version: int, name: str = "gongshu", **more: object) -> Sealer:
    return replace(Sealer(name, version, (CLASSIC,)), **more)


@pytest.mark.parametrize(
    ("sealers", "first", "second"),
    [
        ([], (), ()),
        ([knowing(3)], (), ()),
        ([knowing(2)], (), ("gongshu",)),
        ([knowing(1)], ("gongshu",), ("gongshu",)),
        ([knowing(0)], ("gongshu",), ("gongshu",)),
        ([knowing(3), knowing(1, "zhaohua")], ("zhaohua",), ("zhaohua",)),
        ([knowing(3, forked=True)], ("gongshu",), ("gongshu",)),
        ([knowing(3, unsettled=frozenset({opening(THREE, 1)}))], ("gongshu",), ()),
        ([knowing(3, unsettled=frozenset({opening(THREE, 3)}))], (), ()),
        ([knowing(1, suites=(HYBRID,))], (), ()),
    ],
    ids=[
        "no partner",
        "all by the newest",
        "by the one before",
        "by the first only",
        "nothing tells",
        "one of two",
        "forked",
        "cut off while it was opened",
        "cut off, sealed to the newest",
        "a suite that the pairing has not",
    ],
)
def test_for_whom_an_old_key_is_needed(
    sealers: list[Sealer], first: tuple[str, ...], second: tuple[str, ...]
):
    needed = still_needed(THREE, sealers, LATE)
    assert needed == {opening(THREE, 1): first, opening(THREE, 2): second}


def test_a_key_that_is_offered_is_none_of_the_old_ones():
    """Not before its overlap ends: who begins to know the newest may still seal to it by a clock behind."""
    for days, old in ((1, 1), (29, 1), (30, 2)):
        needed = still_needed(THREE, [knowing(3)], START + (200 + days) * DAY)
        assert len(needed) == old, days
    assert opening(THREE, 3) not in still_needed(THREE, [], LATE)


def test_a_key_that_outlasts_the_newer_one_is_needed_as_long_as_somebody_may_fall_back_on_it():
    short = replace(POLICY, valid=2 * DAY)
    first = versions()[0]
    two = (first, next_keyset(first, new_keys(short), short, START + 100 * DAY))
    assert still_needed(two, [knowing(2)], LATE)[opening(two, 1)] == ("gongshu",)


def test_a_newer_key_that_was_stolen_sends_them_back_to_the_one_before():
    one, two = versions(100)
    stolen = opening((one, two), 2)
    three = next_keyset(
        two, new_keys(POLICY), POLICY, START + 101 * DAY, compromised={stolen: START + 101 * DAY}
    )
    keysets = (one, two, three)
    # Who knows version 2 and learns of 3 by a clock that is behind falls back on the key of version 1.
    assert still_needed(keysets, [knowing(2)], LATE)[opening(keysets, 1)] == ("gongshu",)
    assert still_needed(keysets, [knowing(3)], LATE) == {opening(keysets, 1): (), stolen: ()}


def test_where_versions_are_lacking_no_key_is_known_to_be_old():
    assert still_needed(THREE[1:], [], LATE) == {}
    assert still_needed((THREE[0], THREE[2]), [knowing(3)], LATE) == {}


@pytest.mark.parametrize(
    ("version", "issued", "told"),
    [
        (1, 0 * DAY, 0),
        (1, SLACK, 1),
        (1, 500 * DAY, 1),
        (2, 100 * DAY, 1),
        (2, 100 * DAY + SLACK, 2),
        (3, 200 * DAY, 2),
        (3, 201 * DAY, 3),
        (2, 300 * DAY, 2),
    ],
)
def test_what_a_message_tells_of_its_sender(version: int, issued: timedelta, told: int):
    """Soon after a version nothing: somebody may sign later what was begun before it was known."""
    assert sealed_by(opening(THREE, version), START + issued, THREE) == told
    assert sealed_by("f" * 64, START + issued, THREE) == 0


@dataclass(frozen=True)
class Sent:
    """A message of the partner: sealed to a key at a moment by its clock, and here when it came."""

    kid: str
    issued: datetime
    came: datetime


def world(chance: random.Random) -> tuple[tuple[Keyset, ...], list[Sent]]:
    """Versions with overlaps and stolen keys, and what a partner says that learns of them late."""
    keysets = [first_keyset("longyou", ROOTS, new_keys(BOTH), BOTH, START)]
    made = [START]
    for _ in range(chance.randint(1, 5)):
        now = made[-1] + timedelta(hours=chance.randint(1, 60 * 24))
        policy = replace(BOTH, valid=timedelta(days=chance.choice((5, 90, 365))))
        stolen = {opening_of(keysets): now} if chance.random() < 0.3 else {}
        overlap = timedelta(days=chance.choice((1, 3, 30)))
        keysets.append(
            next_keyset(keysets[-1], new_keys(policy), policy, now, overlap=overlap, compromised=stolen)
        )
        made.append(now)
    learned, late = [], START
    for moment in made:
        late = max(late, moment) + timedelta(hours=chance.choice((0, 1, 200))) * (moment is not START)
        learned.append(late)
    said, came = [], START
    # Some are said one upon the other where a version comes, and some in between.
    moments = [moment + timedelta(hours=chance.randint(0, 30)) for moment in learned for _ in range(6)]
    moments += [START + timedelta(hours=chance.randint(0, 24 * 300)) for _ in range(30)]
    for signed in sorted(moments):
        known = max(n for n, moment in enumerate(learned) if moment <= signed)
        # It was begun up to a day before it is signed.
        issued = signed - timedelta(minutes=chance.randint(0, 24 * 60 - 1))
        found = keysets[known].seals_to((HYBRID, CLASSIC), issued)
        came = max(came, signed) + timedelta(hours=chance.randint(0, 24 * 40) * (chance.random() < 0.2))
        if found is not None:
            said.append(Sent(found[1].kid, issued, came))
    return tuple(keysets), said


def opening_of(keysets: list[Keyset]) -> str:
    first = first_listed(keysets)
    return next(one.kid for one in keysets[-1].of_use(HPKE) if first[one.kid] == keysets[-1].version)


def test_nothing_that_comes_later_is_sealed_to_a_key_that_was_needed_for_nobody():
    gone = 0
    for seed in range(40):
        chance = random.Random(seed)
        keysets, said = world(chance)
        for at in range(len(said)):
            now = said[at].came
            made = tuple(one for one in keysets if max(key.not_before for key in one.keys) <= now)
            knows = max(sealed_by(one.kid, one.issued, made) for one in said[: at + 1])
            sealer = Sealer("gongshu", knows, (HYBRID, CLASSIC))
            unneeded = {kid for kid, names in still_needed(made, [sealer], now).items() if not names}
            later = {one.kid for one in said[at + 1 :]}
            assert not unneeded & later, f"seed {seed}, message {at}"
            gone += len(unneeded)
    assert gone > 1000
