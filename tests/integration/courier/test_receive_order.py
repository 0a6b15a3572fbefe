"""Forks, ends and grants that stop a direction, or let nothing more of it in."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from received_parcels import granted_and_sent, say_parcel, stopped
from sent_parcels import grant_of, kinds, looked_at, received, relay_folder, say, upload
from two_nodes import Two

from shanhai.audit.database import transaction
from shanhai.courier import forks, inbox, partners
from shanhai.courier.outbox import Outgoing
from shanhai.errors import DeniedError
from shanhai.exchange import dsse
from shanhai.exchange.bodies import End, Suspension
from shanhai.exchange.failures import Refused
from shanhai.exchange.pairing_states import PairingState


def other_bytes(two: Two, outgoing: Outgoing) -> bytes:
    """Another message with the same number, as a sender that was set back would sign it."""
    copy = replace(two.longyou, home=two.longyou.home.with_name("set_back"))
    shutil.copytree(two.longyou.home, copy.home)
    with copy.desk() as desk, transaction(desk.connection):
        desk.connection.execute("DELETE FROM outbox WHERE seq >= ?", (outgoing.seq,))
        before = desk.connection.execute(
            "SELECT digest FROM outbox WHERE seq = ?", (outgoing.seq - 1,)
        ).fetchone()
        desk.connection.execute(
            "UPDATE partner SET next_seq_out = ?, last_out = ?", (outgoing.seq, before[0])
        )
    return say(copy, "gongshu", Suspension(True, "set back")).envelope


def test_a_fork_freezes_until_a_person_decides_and_both_are_kept(pair: Two):
    _, _, said = granted_and_sent(pair)
    other = other_bytes(pair, said)
    assert received(pair.gongshu, "longyou").stopped is None
    (place,) = relay_folder(pair).rglob("m/000000/0000000002")
    place.write_bytes(other)
    assert stopped(pair) == "fork-same-seq"
    partner = pair.gongshu.partner("longyou")
    digest = dsse.read(other, dsse.MESSAGE).digest
    assert partner.frozen == digest
    (fork,) = looked_at(pair.gongshu, lambda desk: forks.of_pairing(desk.connection, partner.pairing))
    assert (fork.digest, fork.envelope) == (digest, other)
    kept = looked_at(pair.gongshu, lambda desk: inbox.by_digest(desk.connection, said.digest))
    assert kept is not None
    assert kept.envelope == said.envelope
    assert kinds(pair.gongshu)[-1] == "fork"
    with pytest.raises(DeniedError):
        received(pair.gongshu, "longyou")
    with pair.gongshu.desk() as desk, transaction(desk.connection):
        partners.thaw(desk.connection, partner.pairing, who="Li Wei", at=desk.now)
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    done = received(pair.gongshu, "longyou")
    assert ([row.type for row in done.settled], done.stopped) == (["suspend"], None)
    assert pair.gongshu.partner("longyou").state is PairingState.SUSPENDED_THERE
    assert kinds(pair.gongshu).count("fork") == 1


def test_an_acknowledgement_that_goes_back_freezes(pair: Two):
    granted_and_sent(pair)
    received(pair.gongshu, "longyou")
    upload(pair.gongshu, "longyou")
    received(pair.longyou, "gongshu")
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    with pair.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET next_seq_in = 0, last_in = NULL")
    say(pair.longyou, "gongshu", Suspension(False, None))
    upload(pair.longyou, "gongshu")
    assert stopped(pair) == "ack-below-ours"
    pairing = pair.gongshu.partner("longyou").pairing
    assert len(looked_at(pair.gongshu, lambda desk: forks.of_pairing(desk.connection, pairing))) == 1
    with pair.gongshu.desk() as desk, transaction(desk.connection):
        partners.thaw(desk.connection, pairing, who="Li Wei", at=desk.now)
    done = received(pair.gongshu, "longyou")
    assert [(row.state.value, row.code) for row in done.settled] == [("refused", "ack-below-ours")]
    assert pair.gongshu.partner("longyou").state is PairingState.SUSPENDED_THERE


def test_bytes_that_nobody_signed_stop_it_and_are_not_kept(pair: Two):
    granted_and_sent(pair)
    (place,) = relay_folder(pair).rglob("m/000000/0000000001")
    good = place.read_bytes()
    place.write_bytes(b'{"junk": "' + b"x" * 100_000 + b'"}')
    assert stopped(pair) == "json-missing-field"
    (evidence,) = (pair.gongshu.home / "exchange" / "refused").iterdir()
    assert evidence.stat().st_size < 2000
    assert pair.gongshu.partner("longyou").frozen is None
    place.write_bytes(good)
    assert received(pair.gongshu, "longyou").stopped is None


def test_the_end_is_taken_and_what_comes_behind_it_is_not(pair: Two):
    say(pair.longyou, "gongshu", End("moved away"))
    say(pair.longyou, "gongshu", Suspension(True, None))
    upload(pair.longyou, "gongshu")
    done = received(pair.gongshu, "longyou")
    assert ([row.type for row in done.settled], done.stopped) == (["keyset", "end"], None)
    with pytest.raises(Refused, match="pairing-ended"):
        received(pair.gongshu, "longyou")


def test_a_grant_that_was_revoked_lets_no_later_parcel_in(pair: Two):
    sealed, grant, _ = granted_and_sent(pair)
    say(pair.longyou, "gongshu", replace(grant, rev=2, revoked=True))
    late = say_parcel(pair, sealed, grant)
    upload(pair.longyou, "gongshu")
    done = received(pair.gongshu, "longyou")
    assert [(row.type, row.code) for row in done.settled[-2:]] == [("revoke", None), (None, "grant-revoked")]
    assert done.settled[-1].digest == late.digest


def test_a_grant_of_ours_that_comes_back_wider_is_refused(pair: Two):
    ours = replace(grant_of(pair), grantee=pair.longyou.keyset.node)
    say(pair.gongshu, "longyou", ours)
    say(pair.longyou, "gongshu", replace(ours, rev=2, grantee=pair.gongshu.keyset.node))
    upload(pair.longyou, "gongshu")
    done = received(pair.gongshu, "longyou")
    assert done.settled[-1].code == "grant-widened-by-grantee"
