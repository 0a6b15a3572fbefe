"""What was released and has not begun to leave is taken back; what tells something is never held by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from called import calling
from seller import TABLE, Seller
from two_nodes import hand_over, rotated

from shanhai.audit.log import EventLog
from shanhai.courier import (
    granted,
    granting,
    leaving,
    outbox,
    partners,
    releases,
    releasing,
    standing,
    taking_back,
    their_keys,
)
from shanhai.courier.relays.layout import RelayConflictError, message_key
from shanhai.courier.status import status
from shanhai.courier.withdrawn import Tables
from shanhai.errors import BusyError
from shanhai.exchange.pairing_states import PairingState
from shanhai.governance.policy import ReleaseDeniedError
from shanhai.ids import DatasetId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger


def types(seller: Seller) -> list[str]:
    """Of every message that is kept, in order."""
    return [one.type for one in seller.messages()]


def place_of(seller: Seller, generation: int, seq: int) -> Path:
    """Where a message lies at the relay."""
    folder = seller.two.gongshu.partner("longyou").folder_out
    return Path(unquote(urlsplit(seller.two.relay).path)) / message_key(folder, generation, seq)


def kinds(seller: Seller) -> list[str]:
    return [kind for kind, _ in seller.two.gongshu.events()]


def test_a_revocation_takes_back_what_has_not_begun_to_leave(seller: Seller):
    grant = seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        changed = granting.revoke(desk, grant.id)
        left = releases.every(desk.connection)
    assert ([one.message for one in changed.taken_back], changed.untold) == ([done.message.digest], False)
    assert left == ()
    assert types(seller)[-1] == "revoke"
    seller.ship()
    assert done.message.envelope not in [
        place_of(seller, one.generation, one.seq).read_bytes() for one in seller.messages()
    ]
    assert seller.messages()[-1].seq == done.message.seq, "the number goes to the revocation"
    hand_over(seller.two.gongshu, seller.two.longyou)
    with seller.two.longyou.desk() as desk:
        (known,) = granted.received(
            desk.connection, partners.named(desk.connection, "gongshu").pairing
        ).values()
    assert known.grant.revoked
    assert kinds(seller)[-3:] == ["revoke", "take-back", "ship"]


def withdraw(seller: Seller) -> None:
    """Take the only delivery of the table out of it."""
    (row,) = ledger(seller.node)
    decide(seller.node, row.delivery, "withdraw", by="Li Wei", reason="of another day")


def test_rows_that_were_withdrawn_since_they_were_released_do_not_leave(
    seller: Seller, capsys: pytest.CaptureFixture[str]
):
    seller.grant("village", "n")
    done = seller.release()
    withdraw(seller)
    gone = seller.ship()
    assert (done.message.digest in {one.digest for one in gone.messages}, gone.held) == (False, 1)
    assert "may not leave now" in calling(capsys, "--home", str(seller.home))("ship", "longyou")[2]
    with seller.two.gongshu.desk() as desk:
        assert status(desk.home, desk.connection, desk.now).partners[0].held == 1
        (over,) = taking_back.take_back_over(desk, "longyou")
        assert (over.message, releases.every(desk.connection)) == (done.message.digest, ())
    assert not seller.release().repeated
    assert seller.ship().held == 0


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_rows_of_a_table_that_cannot_be_read_wait_and_hold_no_revocation(seller: Seller, fault: str):
    """They may stand, with the consent of whoever approved them, so they are not taken back for that."""
    first, second = seller.grant("village", "n"), seller.grant("n", purpose="another")
    done = seller.release(grant=first.id)
    log = seller.node.table(DatasetId.parse(TABLE)) / "_delta_log"
    if fault == "gone":
        log.rename(log.with_name("elsewhere"))
    else:
        max(log.glob("*.json")).write_text("no commit")
    assert seller.ship().held == 1
    with seller.two.gongshu.desk() as desk:
        assert taking_back.take_back_over(desk, "longyou") == ()
        changed = granting.revoke(desk, second.id)
    assert [one.message for one in changed.taken_back] == [done.message.digest]


def test_what_left_before_its_rows_were_withdrawn_is_shipped_again_where_a_relay_lost_it(seller: Seller):
    seller.grant("village", "n")
    done = seller.release()
    seller.ship()
    withdraw(seller)
    assert done.message.digest in {one.digest for one in seller.ship(again=True).messages}


def test_rows_that_are_withdrawn_while_they_are_sealed_are_not_released(
    seller: Seller, monkeypatch: pytest.MonkeyPatch
):
    seller.grant("village", "n")
    before, made = types(seller), releasing.made

    def sealed(*given: Any) -> Any:
        ready = made(*given)
        withdraw(seller)
        return ready

    monkeypatch.setattr(releasing, "made", sealed)
    with pytest.raises(ReleaseDeniedError, match="withdrawn"):
        seller.release()
    assert types(seller) == before


def test_what_was_said_behind_it_is_said_again_and_other_parcels_are_released_anew(seller: Seller):
    first = seller.grant("village", "n")
    seller.release(grant=first.id)
    with seller.two.gongshu.desk() as desk:
        second = granting.add(desk, "longyou", seller.draft("village", "n", purpose="another"))
    seller.release(grant=second.id)
    before = types(seller)
    with seller.two.gongshu.desk() as desk:
        changed = granting.revoke(desk, first.id)
        (told,) = [one for one in granted.every(desk.connection) if one.grant.id == second.id]
        assert outbox.by_digest(desk.connection, told.message) is not None
    assert [one.grant for one in changed.taken_back] == [first.id, second.id]
    assert types(seller) == [*[one for one in before if one != "parcel"], "revoke"]
    assert [one.seq for one in seller.messages()] == list(range(len(seller.messages())))
    again = seller.release(grant=second.id)
    assert (again.repeated, again.sealed) == (False, False)
    assert seller.ship().held == 0


def test_no_parcel_of_a_frozen_pairing_holds_a_revocation(seller: Seller):
    waits = seller.grant("village", "n")
    done = seller.release(grant=waits.id)
    with seller.two.gongshu.desk() as desk:
        other = granting.add(desk, "longyou", seller.draft("village", "n", purpose="another"))
        partners.freeze(desk.connection, done.message.pairing, "f" * 64, desk.now)
        assert seller.ship().held == 2
        changed = granting.revoke(desk, other.id)
    assert [one.message for one in changed.taken_back] == [done.message.digest]
    gone = seller.ship()
    assert ([one.type for one in gone.messages][-2:], gone.held) == (["grant", "revoke"], 0)


def test_no_parcel_of_a_frozen_pairing_holds_a_keyset(seller: Seller):
    seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        other = granting.add(desk, "longyou", seller.draft("village", "n", purpose="another"))
        partners.freeze(desk.connection, done.message.pairing, "f" * 64, desk.now)
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        told = standing.tell_keyset(desk)
        (kept,) = [one for one in granted.every(desk.connection) if one.grant.id == other.id]
    assert (told.partners, [one.message for one in told.taken_back]) == (("longyou",), [done.message.digest])
    gone = seller.ship()
    assert ([one.type for one in gone.messages][-2:], gone.held) == (["keyset", "grant"], 0)
    assert kept.message == gone.messages[-1].digest


def test_a_keyset_behind_it_is_still_told_before_what_it_signs(seller: Seller):
    grant = seller.grant("village", "n")
    seller.release()
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
    two = replace(seller.two, gongshu=newer)
    with newer.desk() as desk:
        standing.tell_keyset(desk)
        granting.revoke(desk, grant.id)
    with newer.desk() as desk:
        found = outbox.of_pairing(desk.connection, newer.partner("longyou").pairing)
    assert [one.type for one in found][-2:] == ["keyset", "revoke"]
    hand_over(newer, two.longyou)
    with two.longyou.desk() as desk:
        known = their_keys.their_keyset(partners.named(desk.connection, "gongshu"))
    assert known.version == newer.keyset.version


def test_what_cannot_be_said_again_is_not_taken_back_by_halves(seller: Seller):
    grant = seller.grant("village", "n")
    seller.release()
    before = seller.messages()
    with seller.two.gongshu.desk() as desk:
        rotated(seller.two.gongshu, now=desk.now)
        with pytest.raises(BusyError, match="newer keys"):
            granting.revoke(desk, grant.id)
        assert len(releases.every(desk.connection)) == 1
    assert seller.messages() == before
    assert "take-back" not in kinds(seller)


def test_an_end_and_a_suspension_are_told_although_parcels_waited(seller: Seller):
    seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        stood = standing.suspend(desk, "longyou")
    assert [one.message for one in stood.taken_back] == [done.message.digest]
    gone = seller.ship()
    assert ([one.type for one in gone.messages][-1], gone.held) == ("suspend", 0)
    hand_over(seller.two.gongshu, seller.two.longyou)
    assert seller.two.longyou.partner("gongshu").state is PairingState.SUSPENDED_THERE
    with seller.two.gongshu.desk() as desk:
        assert standing.resume(desk, "longyou").taken_back == ()
    again = seller.release()
    assert (again.repeated, again.sealed) == (False, False)
    with seller.two.gongshu.desk() as desk:
        assert [one.message for one in standing.end(desk, "longyou").taken_back] == [again.message.digest]
    assert [one.type for one in seller.ship().messages] == ["suspend", "end"]
    hand_over(seller.two.gongshu, seller.two.longyou)
    assert seller.two.longyou.partner("gongshu").state is PairingState.ENDED


def test_what_has_begun_to_leave_has_left(seller: Seller):
    grant = seller.grant("village", "n")
    done = seller.release()
    place = place_of(seller, done.message.generation, done.message.seq)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"somebody else's")
    with pytest.raises(RelayConflictError):
        seller.ship()
    with seller.two.gongshu.desk() as desk:
        assert granting.revoke(desk, grant.id).taken_back == ()
        assert standing.end(desk, "longyou").taken_back == ()
    place.unlink()
    assert [one.type for one in seller.ship().messages] == ["parcel", "revoke", "end"]
    assert place.read_bytes() == done.message.envelope


def test_no_upload_begins_of_what_was_taken_back_meanwhile(seller: Seller):
    grant = seller.grant("village", "n")
    message = seller.release().message
    with seller.two.gongshu.desk() as desk:
        assert leaving.may_leave(Tables(desk.home), desk.connection, message, desk.now)
        granting.revoke(desk, grant.id)
        assert not leaving.begin(Tables(desk.home), desk.connection, message, desk.now)


def test_a_grant_that_ran_out_holds_its_parcel_until_it_is_taken_back(seller: Seller):
    with seller.two.gongshu.desk() as desk:
        until = desk.now + timedelta(days=2)
    grant = seller.grant("village", "n", until=until)
    done = seller.release()
    gone = seller.ship(later=timedelta(days=3))
    assert ("parcel" in [one.type for one in gone.messages], gone.held) == (False, 1)
    assert not place_of(seller, done.message.generation, done.message.seq).exists()
    with seller.two.gongshu.desk() as desk:
        (told,) = status(desk.home, desk.connection, desk.now + timedelta(days=3)).partners
    assert (told.to_upload, told.held) == (1, 1)
    with seller.two.gongshu.desk() as desk:
        longer = granting.revise(desk, grant.id, seller.draft("village", "n"), wider=True)
    assert [one.message for one in longer.taken_back] == [done.message.digest]
    assert [one.type for one in seller.ship().messages] == ["grant"]


def test_each_step_of_it_is_in_the_log(seller: Seller):
    seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        standing.end(desk, "longyou")
        found = [entry.event for entry in EventLog(desk.connection).entries()]
    (taken,) = [one for one in found if one is not None and one.kind == "take-back"]
    assert (taken.about["seq"], taken.about["message"]) == (done.message.seq, done.message.digest)
