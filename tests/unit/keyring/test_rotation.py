"""Keysets over time: versions, overlap, compromised keys, and which private keys stay."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from shanhai.errors import ConfigurationError
from shanhai.exchange.keysets import HPKE, LOG, SIGN, read_keyset, sign_keyset
from shanhai.exchange.secret import Secret
from shanhai.keyring.age import lock_to, new_identity, recipient_of, unlock_with
from shanhai.keyring.failures import DamagedKeyFileError, OtherKeyError
from shanhai.keyring.holdings import Holdings, Roots
from shanhai.keyring.rotation import (
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
    assert old & {one.kid for one in third.keys} == set()


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
    assert stolen in {one.kid for one in read.keys}
    signers = held(fresh, again).signers(read, now)
    assert {key.kid for key in signers} == {key.kid for key in again[SIGN]}
    with pytest.raises(ConfigurationError, match="no such key"):
        next_keyset(first, again, policy_of(first), now, compromised={"00" * 32: now})
    with pytest.raises(ConfigurationError, match="in the future"):
        next_keyset(first, again, policy_of(first), now, compromised={stolen: now + DAY})


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
    kept = {key.kid for key in needed(held(one, two, three, strangers), (first, second, third)).keys}
    listed = {key.kid for key in third.keys}
    assert kept == listed | {key.kid for key in one[HPKE]} | {key.kid for key in two[HPKE]}
    gone = one[HPKE][0].kid
    assert held(one).without([gone]).opener(gone) is None
    assert held(one).opener(gone) is not None


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
