"""New keys of a partner: told by the old ones, or after a theft brought by hand."""

from __future__ import annotations

from datetime import timedelta

from refusals import code_of
from strangers import stranger
from two_nodes import Two, hand_over, rotated

from shanhai.clock import system_clock
from shanhai.courier import partners, standing, their_keys
from shanhai.exchange.bodies import NewKeyset, Suspension
from shanhai.exchange.keyset_documents import read_keyset
from shanhai.exchange.keysets import Keyset


def test_new_keys_are_told_by_the_old_ones(paired: Two):
    """A partner that knows the old keyset believes the message that brings the new one, and all after it."""
    later = system_clock().replace(microsecond=0) + timedelta(hours=1)
    gongshu, after = rotated(paired.gongshu, now=later), later + timedelta(hours=1)
    with gongshu.desk(now=after) as desk:
        assert standing.tell_keyset(desk).partners == ("longyou",)
        assert standing.tell_keyset(desk) == standing.Told()
        standing.suspend(desk, "longyou")
    told_so, suspended = hand_over(gongshu, paired.longyou, now=after)
    assert isinstance(told_so.content, NewKeyset)
    assert suspended.content == Suspension(True, None)
    with paired.longyou.desk() as desk:
        partner = partners.named(desk.connection, "gongshu")
        newest, oldest = their_keys.their_keyset(partner), kept_first_keyset(paired)
        assert (newest.version, oldest.version) == (2, 1)
        found = their_keys.keyset_of_digest(desk.connection, partner.pairing, oldest.digest)
        assert found == oldest


def kept_first_keyset(two: Two) -> Keyset:
    file = two.gongshu.home / "keyring" / "keysets" / "000001.json"
    return read_keyset(file.read_bytes(), roots=two.gongshu.keyset.roots)


def test_after_a_theft_the_keyset_comes_by_hand(paired: Two):
    """No old key may speak any more: a partner that knows no new one refuses, until people bring the file."""
    later = system_clock().replace(microsecond=0) + timedelta(hours=1)
    stolen = dict.fromkeys((one.kid for one in paired.gongshu.keyset.of_use("sign")), later)
    gongshu, after = rotated(paired.gongshu, now=later, compromised=stolen), later + timedelta(minutes=1)
    with gongshu.desk(now=after) as desk:
        standing.tell_keyset(desk)
        envelope = desk.envelope
    assert code_of(lambda: hand_over(gongshu, paired.longyou, now=after)) == "sig-unknown-key"
    with paired.longyou.desk(now=after) as desk:
        assert standing.renew(desk, "gongshu", envelope).keyset.version == 2
        assert standing.renew(desk, "gongshu", envelope).keyset.version == 2
    assert len(hand_over(gongshu, paired.longyou, now=after)) == 1
    first = (paired.gongshu.home / "keyring" / "keysets" / "000001.json").read_bytes()
    with paired.longyou.desk(now=after) as desk:
        assert code_of(lambda: standing.renew(desk, "gongshu", first)) == "keyset-older-version"
        other = stranger(after).envelope
        assert code_of(lambda: standing.renew(desk, "gongshu", other)) == "keyset-not-by-root"
