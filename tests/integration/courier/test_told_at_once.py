"""A revocation and a keyset are told although parcels before them may not leave any more."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from called import calling, told
from locked_node import passphrase_files
from seller import TABLE, Seller
from sent_parcels import kinds, received, say, settings_of, upload
from two_nodes import NodeHome, hand_over, rotated

from shanhai.audit.database import transaction
from shanhai.courier import granting, outbox, partners, standing
from shanhai.courier.outbox import Outgoing
from shanhai.courier.receiving import Received, receive_from
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.grants import Grant
from shanhai.exchange.pairing_states import PairingState, Step


@pytest.fixture
def seller(seller: Seller) -> Seller:
    """What both said while they paired was handed over, and lies at no relay."""
    with seller.two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE outbox SET begun = issued, uploaded = issued")
    return seller


def draft_of(grant: Grant) -> granting.Draft:
    """What would give the same once more."""
    return granting.Draft(**{one.name: getattr(grant, one.name) for one in fields(granting.Draft)})


def held_by(seller: Seller) -> Outgoing:
    """A parcel; the revocation of another grant is behind it."""
    first, second = seller.grant("village", "n"), seller.grant("n", purpose="another")
    done = seller.release(grant=first.id)
    with seller.two.gongshu.desk() as desk:
        assert granting.revoke(desk, second.id).taken_back == (), "the parcel may leave"
    return done.message


def contradict(seller: Seller) -> None:
    """Longyou sends a message that does not follow the one before it."""
    with seller.two.longyou.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE partner SET last_out = ?", ("f" * 64,))
    say(seller.two.longyou, "gongshu", Suspension(True, "set back"))
    upload(seller.two.longyou, "gongshu")


def froze(seller: Seller, node: NodeHome | None = None) -> Received:
    """Longyou contradicts itself, and Gongshu receives."""
    contradict(seller)
    done = received(node or seller.two.gongshu, "longyou")
    assert seller.two.gongshu.partner("longyou").frozen is not None
    return done


def suspend(seller: Seller) -> None:
    """Longyou suspends, and says so."""
    with seller.two.longyou.desk() as desk:
        standing.suspend(desk, "gongshu")
    upload(seller.two.longyou, "gongshu")


def suspended(seller: Seller) -> Received:
    """Longyou suspends, and Gongshu is told."""
    suspend(seller)
    done = received(seller.two.gongshu, "longyou")
    assert seller.two.gongshu.partner("longyou").state is PairingState.SUSPENDED_THERE
    return done


@pytest.mark.parametrize(("stop", "kind"), [(froze, "fork"), (suspended, "suspend")])
def test_what_a_message_of_the_partner_stops_holds_no_revocation(seller: Seller, stop, kind: str):
    parcel = held_by(seller)
    done = stop(seller)
    assert [one.message for one in done.taken_back] == [parcel.digest]
    assert kinds(seller.two.gongshu)[-4:] == [kind, "take-back", "take-back", "ship"]
    gone = seller.ship()
    assert ([one.type for one in gone.messages][-1], gone.held) == ("revoke", 0)
    assert gone.messages[-1].seq == parcel.seq


@pytest.mark.parametrize("stop", [froze, suspended])
def test_what_holds_nothing_waits_until_parcels_may_leave_again(seller: Seller, stop):
    grant = seller.grant("village", "n")
    parcel = seller.release(grant=grant.id).message
    assert stop(seller).taken_back == ()
    assert seller.ship().held == 1
    assert seller.messages()[-1].digest == parcel.digest


def test_a_fork_lets_a_keyset_go_that_was_behind_a_parcel(seller: Seller):
    seller.grant("village", "n")
    seller.release()
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        assert standing.tell_keyset(desk).taken_back == (), "the parcel may leave"
    assert len(froze(seller, newer).taken_back) == 1
    gone = seller.ship()
    assert ([one.type for one in gone.messages][-1], gone.held) == ("keyset", 0)
    hand_over(newer, seller.two.longyou)


def test_a_fork_freezes_although_keys_are_not_the_newest_and_whoever_made_them_takes_back(seller: Seller):
    parcel = held_by(seller)
    contradict(seller)
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
        assert receive_from(desk, settings_of(newer), "longyou").taken_back == ()
    assert newer.partner("longyou").frozen is not None
    assert seller.ship().held == 2
    with newer.desk() as desk:
        assert [one.message for one in standing.tell_keyset(desk).taken_back] == [parcel.digest]
    assert [one.type for one in seller.ship().messages][-2:] == ["keyset", "revoke"]


def test_while_the_partner_suspends_no_parcel_holds_a_new_revocation(seller: Seller):
    first, second = seller.grant("village", "n"), seller.grant("n", purpose="another")
    parcel = seller.release(grant=first.id).message
    assert suspended(seller).taken_back == ()
    with seller.two.gongshu.desk() as desk:
        changed = granting.revoke(desk, second.id)
    assert [one.message for one in changed.taken_back] == [parcel.digest]
    assert [one.type for one in seller.ship().messages][-1] == "revoke"


@pytest.mark.parametrize("told_first", [True, False], ids=["suspended then told", "told then suspended"])
def test_while_the_partner_suspends_no_parcel_holds_a_revision_that_narrows(seller: Seller, told_first: bool):
    first, second = seller.grant("village", "n"), seller.grant("n", purpose="another")
    parcel = seller.release(grant=first.id).message
    shorter = replace(draft_of(second), retention_days=second.retention_days - 1)
    done = [suspended(seller)] if told_first else []
    with seller.two.gongshu.desk() as desk:
        changed = granting.revise(desk, second.id, shorter)
    gone = changed.taken_back if told_first else suspended(seller).taken_back
    assert [one.taken_back for one in done] == [()] * len(done)
    assert [one.message for one in gone] == [parcel.digest]
    assert [(one.type, one.seq) for one in seller.ship().messages][-1] == ("grant", parcel.seq)


def test_a_revision_that_only_widens_waits_with_the_parcels_before_it(seller: Seller):
    first, second = seller.grant("village", "n"), seller.grant("n", purpose="another")
    parcel = seller.release(grant=first.id).message
    longer = replace(draft_of(second), retention_days=second.retention_days + 1)
    suspended(seller)
    with seller.two.gongshu.desk() as desk:
        assert granting.revise(desk, second.id, longer, wider=True).taken_back == ()
    assert seller.ship().held == 2
    assert seller.messages()[-2].digest == parcel.digest


def test_while_the_partner_suspends_no_parcel_holds_a_keyset(seller: Seller):
    seller.grant("village", "n")
    parcel = seller.release().message
    suspended(seller)
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        assert [one.message for one in standing.tell_keyset(desk).taken_back] == [parcel.digest]
    assert [one.type for one in seller.ship().messages][-1] == "keyset"


def test_no_parcel_whose_grant_ran_out_holds_the_revocation_of_another(seller: Seller):
    with seller.two.gongshu.desk() as desk:
        late = desk.now + timedelta(days=3)
        first = seller.grant("village", "n", until=desk.now + timedelta(days=2))
    second = seller.grant("n", purpose="another")
    parcel = seller.release(grant=first.id).message
    with seller.two.gongshu.desk(now=late) as desk:
        changed = granting.revoke(desk, second.id)
        assert [one.message for one in changed.taken_back] == [parcel.digest]
        found = outbox.of_pairing(desk.connection, parcel.pairing)
    assert [one.type for one in found][-1] == "revoke"


def test_receiving_says_what_it_took_back(
    seller: Seller, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable, file in passphrase_files(tmp_path / "passphrases").items():
        monkeypatch.setenv(variable, file)
    receive = "receive", "longyou", "--no-admit"
    call = calling(capsys, "--home", str(seller.home), "--federation", str(seller.city.root))
    parcel = held_by(seller)
    suspend(seller)
    (gone,) = told(call(*receive, "--format", "json"))["taken_back"]
    assert (gone["partner"], gone["message"]) == ("longyou", parcel.digest)
    with seller.two.gongshu.desk() as desk:
        partners.step(desk.connection, parcel.pairing, Step.RESUME_THERE)
    with seller.two.longyou.desk() as desk:
        partners.step(desk.connection, parcel.pairing, Step.RESUME_HERE)
    held_by(seller)
    contradict(seller)
    code, _, error = call(*receive)
    assert code != 0
    assert f"Taken back before it left: {TABLE}" in error
