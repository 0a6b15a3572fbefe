"""Keysets over time: versions, overlap, compromised keys, and which private keys stay."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import Refused
from shanhai.exchange.keyset_documents import read_keyset, sign_keyset
from shanhai.exchange.keysets import HPKE, LOG, MOST_KEYS, SIGN
from shanhai.exchange.secret import Secret
from shanhai.exchange.suites import CLASSIC, HYBRID
from shanhai.keyring.age import lock_to, new_identity, recipient_of, unlock_with
from shanhai.keyring.failures import DamagedKeyFileError, OtherKeyError
from shanhai.keyring.holdings import Holdings, Roots
from shanhai.keyring.rotation import (
    LISTED,
    Policy,
    first_keyset,
    needed,
    new_keys,
    new_roots,
    next_keyset,
    policy_of,
)

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Policy()


@pytest.fixture(scope="module")
def roots() -> Roots:
    return new_roots(POLICY)


def made(roots: Roots):
    fresh = new_keys(POLICY)
    return first_keyset("longyou", roots, fresh, POLICY, START), fresh


def held(*generations: dict) -> Holdings:
    return Holdings(
        new_identity(), tuple(key for fresh in generations for keys in fresh.values() for key in keys)
    )


def test_a_keyset_is_one_that_partners_accept(roots: Roots):
    keyset, _ = made(roots)
    read = read_keyset(sign_keyset(keyset, roots.keys), roots=keyset.roots)
    assert (read.version, read.node, len(read.of_use(SIGN))) == (1, keyset.node, 2)
    assert {one.key.alg for one in read.of_use(HPKE)} == {"x-wing", "x25519"}
    assert len(read.of_use(LOG)) == 1


def test_the_next_version_follows_and_old_keys_overlap(roots: Roots):
    first, _ = made(roots)
    second = next_keyset(first, new_keys(POLICY), policy_of(first), START + 100 * DAY, overlap=30 * DAY)
    known = read_keyset(sign_keyset(first, roots.keys), roots=first.roots)
    read = read_keyset(sign_keyset(second, roots.keys), roots=first.roots, known=known)
    assert read.version == 2
    old = {one.kid for one in first.keys}
    assert {one.not_after for one in read.keys if one.kid in old} == {START + 130 * DAY}
    assert {one.not_before for one in read.keys if one.kid not in old} == {START + 100 * DAY}
    third = next_keyset(second, new_keys(POLICY), policy_of(second), START + 131 * DAY)
    assert {one.not_after for one in third.keys if one.kid in old} == {START + 130 * DAY}
    assert not any(third.is_usable(one, START + 131 * DAY) for one in third.keys if one.kid in old)
    _, key = third.seals_to(third.suites, START + 131 * DAY)
    assert key.kid not in old | {one.kid for one in second.keys}


def test_keys_are_dropped_only_for_room_and_long_after_they_are_over(roots: Roots):
    keyset, _ = made(roots)
    now = START
    while len(keyset.keys) + 5 <= MOST_KEYS:
        now += 30 * DAY
        keyset = next_keyset(keyset, new_keys(POLICY), POLICY, now)
    with pytest.raises(ConfigurationError, match="no room"):
        next_keyset(keyset, new_keys(POLICY), POLICY, now + 30 * DAY)
    late = next_keyset(keyset, new_keys(POLICY), POLICY, START + 60 * DAY + LISTED)
    assert len(late.keys) == MOST_KEYS
    read_keyset(sign_keyset(late, roots.keys), roots=late.roots)


def test_a_key_does_not_become_valid_for_longer(roots: Roots):
    first, _ = made(roots)
    late = START + 360 * DAY
    second = next_keyset(first, new_keys(POLICY), policy_of(first), late, overlap=30 * DAY)
    assert min(one.not_after for one in second.keys) == START + 365 * DAY


def test_a_compromised_key_stays_listed_and_is_used_no_more(roots: Roots):
    first, fresh = made(roots)
    stolen = fresh[SIGN][0].kid
    now = START + 10 * DAY
    again = new_keys(POLICY)
    second = next_keyset(first, again, policy_of(first), now, compromised={stolen: now - DAY})
    read = read_keyset(sign_keyset(second, roots.keys), roots=first.roots)
    assert read.compromised == {stolen: now - DAY}
    assert {one.kid: one.not_after for one in read.keys}[stolen] == now
    signers = held(fresh, again).signers(read, now)
    assert {key.kid for key in signers} == {key.kid for key in again[SIGN]}
    with pytest.raises(ConfigurationError, match="no such key"):
        next_keyset(first, again, policy_of(first), now, compromised={"00" * 32: now})
    with pytest.raises(ConfigurationError, match="in the future"):
        next_keyset(first, again, policy_of(first), now, compromised={stolen: now + DAY})
    with pytest.raises(ConfigurationError, match="under way"):
        next_keyset(first, again, policy_of(first), now, overlap=timedelta(0))


@pytest.mark.parametrize("use", [SIGN, HPKE, LOG])
def test_a_compromised_key_of_any_use_ends_now(roots: Roots, use: str):
    first, fresh = made(roots)
    stolen, now = fresh[use][0].kid, START + 10 * DAY
    second = next_keyset(first, new_keys(POLICY), POLICY, now, compromised={stolen: now - DAY})
    ends = {one.kid: one.not_after for one in second.keys}
    assert ends[stolen] == now
    honest = {one.kid for one in first.keys} - {stolen}
    assert {ends[kid] for kid in honest} == {now + 30 * DAY}
    at_once = next_keyset(first, new_keys(POLICY), POLICY, START, compromised={stolen: START})
    assert {one.kid: one.not_after for one in at_once.keys}[stolen] == START + timedelta(seconds=1)


def test_nobody_seals_to_a_compromised_key_nor_in_a_weaker_suite_than_can_be(roots: Roots):
    first, fresh = made(roots)
    hybrid, classic = fresh[HPKE]
    assert first.seals_to((CLASSIC, HYBRID), START) == (HYBRID, hybrid.public)
    assert first.seals_to((CLASSIC,), START) == (CLASSIC, classic.public)
    assert first.seals_to((), START) is None
    assert first.seals_to((HYBRID,), START + 365 * DAY) is None
    stolen = replace(first, compromised={hybrid.kid: START})
    assert stolen.seals_to((HYBRID,), START) is None
    assert stolen.seals_to((HYBRID, CLASSIC), START) == (CLASSIC, classic.public)


def test_the_moment_of_a_compromise_never_becomes_later(roots: Roots):
    first, fresh = made(roots)
    stolen, now = fresh[SIGN][0].kid, START + 10 * DAY
    second = next_keyset(first, new_keys(POLICY), POLICY, now, compromised={stolen: now - 5 * DAY})
    later = now + 10 * DAY
    third = next_keyset(second, new_keys(POLICY), POLICY, later, compromised={stolen: later})
    assert third.compromised == {stolen: now - 5 * DAY}
    earlier = next_keyset(third, new_keys(POLICY), POLICY, later, compromised={stolen: START})
    assert earlier.compromised == {stolen: START}
    for lacking in ({}, {stolen: now}):
        wrong = sign_keyset(replace(third, compromised=lacking), roots.keys)
        with pytest.raises(Refused, match="keyset-unusable"):
            read_keyset(wrong, roots=first.roots, known=second)


def test_a_key_that_only_an_older_version_lists_can_be_compromised(roots: Roots):
    first, fresh = made(roots)
    stolen, now = fresh[SIGN][0].kid, START + 10 * DAY
    second = replace(first, version=2, keys=made(roots)[0].keys)
    third = next_keyset(
        second, new_keys(POLICY), POLICY, now, compromised={stolen: START}, older=(first, second)
    )
    assert third.compromised == {stolen: START}


def test_the_newest_valid_keys_sign(roots: Roots):
    first, fresh = made(roots)
    holdings = held(fresh)
    assert [key.alg for key in holdings.signers(first, START)] == ["ed25519", "ml-dsa-65"]
    assert holdings.log_signer(first, START).kid == fresh[LOG][0].kid
    for moment in (START - DAY, START + 365 * DAY):
        with pytest.raises(ConfigurationError, match="no valid key"):
            holdings.signers(first, moment)
        with pytest.raises(ConfigurationError, match="shanhai keys rotate"):
            holdings.log_signer(first, moment)


def test_what_signed_for_old_keysets_only_is_deleted_and_what_opens_is_kept(roots: Roots):
    first, one = made(roots)
    two, three = new_keys(POLICY), new_keys(POLICY)
    second = next_keyset(first, two, POLICY, START + 100 * DAY)
    third = next_keyset(second, three, POLICY, START + 200 * DAY)
    strangers = new_keys(POLICY)
    now = START + 200 * DAY
    kept = {key.kid for key in needed(held(one, two, three, strangers), (first, second, third), now).keys}
    new = {key.kid for keys in (*two.values(), *three.values()) for key in keys}
    assert kept == new | {key.kid for key in one[HPKE]}


def test_what_opens_for_nobody_is_deleted_with_what_signs_no_more(roots: Roots):
    first, one = made(roots)
    two = new_keys(POLICY)
    second = next_keyset(first, two, POLICY, START + 100 * DAY)
    gone, stays = (key.kid for key in one[HPKE])
    left = needed(held(one, two), (first, second), START + 200 * DAY, unneeded=[gone])
    assert (left.opener(gone), left.opener(stays) is None) == (None, False)
    assert {key.kid for key in left.keys} == {stays, *(key.kid for keys in two.values() for key in keys)}


def test_holdings_are_read_as_they_were_written(roots: Roots):
    _, fresh = made(roots)
    before = held(fresh)
    after = Holdings.read(before.document())
    assert [key.kid for key in after.keys] == [key.kid for key in before.keys]
    assert after.identity.bytes == before.identity.bytes
    assert [key.kid for key in Roots.read(roots.document()).keys] == [key.kid for key in roots.keys]


def test_secrets_show_nothing(roots: Roots):
    _, fresh = made(roots)
    holdings = held(fresh)
    shown = f"{holdings!r} {holdings} {roots!r} {holdings.document()!r} {holdings.document()}"
    for secret in (
        holdings.identity,
        *(key.seed for key in holdings.keys),
        *(key.seed for key in roots.keys),
    ):
        assert secret.bytes.hex() not in shown
        assert repr(secret.bytes)[2:-1] not in shown
    assert "AGE-SECRET-KEY" not in shown
    for one in (holdings, roots):
        with pytest.raises(TypeError):
            pickle.dumps(one)


def test_a_file_locked_to_another_key_is_told_from_a_damaged_one():
    mine, other = new_identity(), new_identity()
    locked = lock_to(Secret(b"keys of a set"), recipient_of(mine))
    assert unlock_with(locked, mine, name="x.age").bytes == b"keys of a set"
    with pytest.raises(OtherKeyError, match=r"x\.age"):
        unlock_with(locked, other, name="x.age")
    with pytest.raises(DamagedKeyFileError, match=r"x\.age"):
        unlock_with(locked[:-3], mine, name="x.age")
