"""What comes by keys that are over or stolen: it takes no number, stops nothing, and waits for a voucher."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime

import pytest
from sent_parcels import (
    DAY,
    grant_of,
    kinds,
    looked_at,
    parcel_of,
    received,
    relay_folder,
    say,
    seal,
    upload,
)
from two_nodes import NodeHome, Two, confirmed, rotated

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import granted, inbox, waiting
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.receipts import sent
from shanhai.courier.standing import renew, tell_keyset
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant


@pytest.fixture
def pair(two: Two) -> Two:
    """Gongshu has heard of Longyou, and is at number 2."""
    confirmed(two)
    say(two.longyou, "gongshu", grant_of(two))
    upload(two.longyou, "gongshu")
    received(two.gongshu, "longyou")
    assert two.gongshu.partner("longyou").next_seq_in == 2
    return two


def told_by_people(two: Two) -> None:
    """Gongshu's people take Longyou's newest keyset by hand."""
    with two.gongshu.desk() as desk:
        renew(desk, "longyou", keyring_of(two.longyou.home).envelope)


def thief_of(node: NodeHome) -> NodeHome:
    """Somebody with a copy of all that the node has now."""
    home = node.home.with_name("thief")
    shutil.copytree(node.home, home)
    return replace(node, home=home)


def stolen(two: Two) -> tuple[NodeHome, NodeHome, datetime]:
    """A thief, the node with newer keys, and now: the old ones were known to be stolen five days before."""
    thief, now = thief_of(two.longyou), system_clock().replace(microsecond=0) + 10 * DAY
    signs = {one.kid: now - 5 * DAY for one in two.longyou.keyset.of_use("sign")}
    honest = rotated(two.longyou, now=now, compromised=signs)
    told_by_people(two)
    return thief, honest, now


def lay_down(two: Two, seq: int, envelope: bytes) -> None:
    """Put a message at the relay in the place of any other."""
    (place,) = relay_folder(two).rglob("m/000000/0000000001")
    place.with_name(f"{seq:010}").write_bytes(envelope)


def codes(node: NodeHome) -> list[str | None]:
    return [row.code for row in looked_at(node, lambda desk: inbox.every(desk.connection))]


def test_a_stolen_key_takes_no_number_and_freezes_nothing(pair: Two):
    thief, honest, now = stolen(pair)
    backdated = now - 9 * DAY
    forged = say(thief, "gongshu", Suspension(True, "by a thief"), now=backdated)
    other = say(thief, "gongshu", Suspension(True, "once more"), now=backdated)
    lay_down(pair, 2, forged.envelope)
    # A second message of the same number as one that is settled would be a fork by keys that hold.
    lay_down(pair, 1, other.envelope)
    lay_down(pair, 3, other.envelope)
    for _ in range(2):
        done = received(pair.gongshu, "longyou", now=now)
        assert (done.settled, done.stopped) == ((), None)
    partner = pair.gongshu.partner("longyou")
    assert (partner.next_seq_in, partner.frozen) == (2, None)
    assert codes(pair.gongshu).count("signer-compromised-since") == 2
    assert kinds(pair.gongshu).count("refused") == 2
    say(honest, "gongshu", Suspension(True, "by Longyou"), now=now)
    for place in relay_folder(pair).rglob("m/000000/*"):
        place.unlink()
    upload(honest, "gongshu")
    done = received(pair.gongshu, "longyou", now=now)
    assert ([row.type for row in done.settled], done.stopped) == (["keyset", "suspend"], None)
    partner = pair.gongshu.partner("longyou")
    assert (partner.next_seq_in, partner.frozen, partner.last_in) == (4, None, done.settled[-1].digest)


def test_what_came_after_its_keys_were_over_keeps_its_number_once_it_is_named(pair: Two):
    now = system_clock().replace(microsecond=0)
    first = say(pair.longyou, "gongshu", Suspension(True, "a note"))
    second = say(pair.longyou, "gongshu", Suspension(False, None))
    upload(pair.longyou, "gongshu")
    later = rotated(pair.longyou, now=now)
    told_by_people(pair)
    late = now + 40 * DAY
    done = received(pair.gongshu, "longyou", now=late)
    assert (done.settled, done.stopped) == ((), None)
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert {one.about for one in waits if one.kind == "refused"} == {first.digest, second.digest}
    say(later, "gongshu", Suspension(True, "by newer keys"), now=late)
    upload(later, "gongshu")
    done = received(pair.gongshu, "longyou", now=late)
    assert [(row.digest, row.type, row.code, row.stage) for row in done.settled[:2]] == [
        (first.digest, None, "signer-expired", "time"),
        (second.digest, None, "signer-expired", "time"),
    ]
    assert [row.type for row in done.settled[2:]] == ["keyset", "suspend"]
    assert pair.gongshu.partner("longyou").next_seq_in == 6
    waits = looked_at(pair.gongshu, lambda desk: waiting.open_ones(desk.connection))
    assert [one for one in waits if one.kind == "refused"] == []
    assert received(pair.gongshu, "longyou", now=late).settled == ()


def test_only_so_many_wait(pair: Two, monkeypatch: pytest.MonkeyPatch):
    thief, _, now = stolen(pair)
    monkeypatch.setattr("shanhai.courier.refusing.MOST_WAITING", 2)
    for seq in (2, 3, 4):
        lay_down(
            pair, seq, say(thief, "gongshu", Suspension(True, f"flood {seq}"), now=now - 9 * DAY).envelope
        )
    stopped = received(pair.gongshu, "longyou", now=now).stopped
    assert isinstance(stopped, Refused)
    assert stopped.code == "signer-compromised-since"
    assert codes(pair.gongshu).count("signer-compromised-since") == 2


def test_a_relay_cannot_make_a_revocation_void_by_holding_it_back(pair: Two):
    """Whatever carries no set has no end of its own."""
    grant, sealed = grant_of(pair), seal(pair.longyou)
    say(pair.longyou, "gongshu", grant)
    revoked = say(pair.longyou, "gongshu", replace(grant, rev=2, revoked=True))
    assert revoked.not_after is None
    long_after: datetime = system_clock().replace(microsecond=0) + 300 * DAY
    with pair.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET state = 'active'")
    content, carried = parcel_of(sealed, grant)
    say(pair.longyou, "gongshu", content, carried, now=long_after)
    upload(pair.longyou, "gongshu", sealed)
    done = received(pair.gongshu, "longyou", now=long_after)
    assert [(row.type, row.code) for row in done.settled] == [
        ("grant", None),
        ("revoke", None),
        (None, "grant-revoked"),
    ]


def test_a_revocation_that_was_held_until_its_keys_were_over_is_told_again(pair: Two):
    """The sender is told that nobody believed it, and newer keys say it anew."""
    now = system_clock().replace(microsecond=0)
    grant = looked_at(pair.longyou, lambda desk: granted.every(desk.connection))[0].grant
    revoked = say(pair.longyou, "gongshu", replace(grant, rev=2, revoked=True))
    later, late = rotated(pair.longyou, now=now), now + 40 * DAY
    told_by_people(pair)
    say(later, "gongshu", Suspension(True, "by newer keys"), now=late)
    upload(later, "gongshu")
    assert received(pair.gongshu, "longyou", now=late).settled[0].code == "signer-expired"
    assert held_at_gongshu(pair) == grant
    upload(pair.gongshu, "longyou")
    received(later, "gongshu", now=late)
    (sent_before,) = (
        one
        for one in looked_at(later, lambda desk: sent(desk.connection, late))
        if one.message.digest == revoked.digest
    )
    assert (sent_before.standing, sent_before.message.code) == ("refused", "signer-expired")
    with later.desk(now=late) as desk:
        assert tell_keyset(desk).partners == ("gongshu",)
        assert tell_keyset(desk).partners == ()
    upload(later, "gongshu")
    received(pair.gongshu, "longyou", now=late)
    assert held_at_gongshu(pair) == replace(grant, rev=2, revoked=True)


def held_at_gongshu(two: Two) -> Grant:
    (kept,) = looked_at(two.gongshu, lambda desk: granted.every(desk.connection))
    return kept.grant


def test_what_was_sealed_two_rotations_ago_is_still_received(pair: Two):
    """A stick that travels for two months: the key stays listed and held after it is over."""
    now = system_clock().replace(microsecond=0)
    say(pair.longyou, "gongshu", Suspension(True, "on a stick"))
    upload(pair.longyou, "gongshu")
    recipient = rotated(pair.gongshu, now=now + 5 * DAY)
    recipient = rotated(recipient, now=now + 50 * DAY)
    done = received(recipient, "longyou", now=now + 60 * DAY)
    assert ([row.type for row in done.settled], done.stopped) == (["suspend"], None)
