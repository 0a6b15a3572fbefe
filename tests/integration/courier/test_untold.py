"""Steps of one side alone hold although keys ran out; and nobody signs by keys or a moment of the past."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from seller import Seller, ask
from two_nodes import PASSPHRASES, rotated

from shanhai.audit.database import transaction
from shanhai.audit.log import EventLog
from shanhai.courier import granted, granting, leaving, outbox, partners, releasing, saying, standing
from shanhai.courier.desk import open_desk
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.turns import one_at_a_time
from shanhai.errors import BusyError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.failures import Refused
from shanhai.exchange.pairing_states import PairingState
from shanhai.governance.policy import ReleaseDeniedError

LATER = timedelta(days=3000)


def test_a_suspension_an_end_and_a_revocation_hold_although_keys_ran_out(seller: Seller):
    grant = seller.grant("village", "n")
    before = [one.digest for one in seller.messages()]
    with seller.two.gongshu.desk() as desk:
        late = desk.now + LATER
    with seller.two.gongshu.desk(now=late) as desk:
        assert granting.revoke(desk, grant.id).untold
        stood = standing.suspend(desk, "longyou")
        assert (stood.untold, stood.partner.state) == (True, PairingState.SUSPENDED_HERE)
        assert standing.end(desk, "longyou").untold
        assert partners.named(desk.connection, "longyou").state is PairingState.ENDED
        found = [entry.event for entry in EventLog(desk.connection).entries()]
    assert [one.digest for one in seller.messages()] == before
    told = {one.kind: one.about.get("outcome") for one in found if one is not None}
    assert (told["revoke"], told["suspend"], told["end"]) == ("untold", "untold", "untold")


def test_what_was_revoked_untold_is_told_once_there_are_keys(seller: Seller):
    grant = seller.grant("village", "n")
    with seller.two.gongshu.desk() as desk:
        late = desk.now + LATER
    with seller.two.gongshu.desk(now=late) as desk:
        granting.revoke(desk, grant.id)
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        assert standing.tell_keyset(desk).partners == ("longyou",)
        found = outbox.of_pairing(desk.connection, newer.partner("longyou").pairing)
        (kept,) = granted.every(desk.connection)
    assert [one.type for one in found][-2:] == ["keyset", "revoke"]
    assert kept.message == found[-1].digest


def test_what_was_revoked_untold_is_not_held_by_its_parcel_once_there_are_keys(seller: Seller):
    grant = seller.grant("village", "n")
    done = seller.release()
    with seller.two.gongshu.desk() as desk:
        late = desk.now + LATER
    with seller.two.gongshu.desk(now=late) as desk:
        assert granting.revoke(desk, grant.id).taken_back == ()
    with seller.two.longyou.desk() as desk:
        rotated(seller.two.longyou, now=desk.now)
    with seller.two.gongshu.desk() as desk:
        renewed = standing.renew(desk, "longyou", keyring_of(seller.two.longyou.home).envelope)
        gone = leaving.leaving(desk.home, desk.connection, done.message.pairing, desk.now)
    assert [one.message for one in renewed.taken_back] == [done.message.digest]
    assert gone[-1].type == "revoke"


def test_what_a_frozen_pairing_may_not_be_told_keeps_no_keyset_from_it(seller: Seller):
    """A grant that was not believed; it is told once a person has let the pairing go on."""
    grant = seller.grant("village", "n")
    pairing = seller.two.gongshu.partner("longyou").pairing
    with seller.two.gongshu.desk() as desk, transaction(desk.connection):
        (kept,) = granted.every(desk.connection)
        granted.untell(desk.connection, kept.message)
        partners.freeze(desk.connection, pairing, "f" * 64, desk.now)
    with seller.two.gongshu.desk() as desk:
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        assert standing.tell_keyset(desk).partners == ("longyou",)
        assert not standing.is_behind(desk.connection, newer.partner("longyou"), newer.keyset)
        standing.thaw(desk, "longyou")
        assert standing.is_behind(desk.connection, newer.partner("longyou"), newer.keyset)
        with transaction(desk.connection):
            standing.catch_up(desk, pairing)
        assert granted.untold(desk.connection, pairing) == ()
        assert granted.newest(desk.connection, granted.GIVEN, grant.id) == grant
    assert [one.type for one in seller.messages()][-2:] == ["keyset", "grant"]


def test_new_keys_are_told_once_the_partner_has_keys_to_seal_to(seller: Seller):
    longyou = seller.two.longyou
    with seller.two.gongshu.desk() as desk:
        over = rotated(longyou, now=desk.now - LATER)
        standing.renew(desk, "longyou", keyring_of(longyou.home).envelope)
        newer = rotated(seller.two.gongshu, now=desk.now)
    with newer.desk() as desk:
        assert standing.tell_keyset(desk).partners == ()
        rotated(over, now=desk.now)
        standing.renew(desk, "longyou", keyring_of(longyou.home).envelope)
        found = outbox.of_pairing(desk.connection, newer.partner("longyou").pairing)
    assert (found[-1].type, newer.partner("longyou").told_keyset) == ("keyset", newer.keyset.version)


def test_the_files_of_the_log_follow_also_an_act_that_failed(seller: Seller):
    with seller.two.gongshu.desk() as desk:
        now = desk.now

    def end_and_resume() -> None:
        with open_desk(seller.home, PASSPHRASES.node, who="Li Wei", now=now) as desk:
            standing.end(desk, "longyou")
            standing.resume(desk, "longyou")

    with pytest.raises(Refused):
        end_and_resume()
    with seller.two.gongshu.desk() as desk:
        size = len(list(EventLog(desk.connection).entries()))
    assert (seller.home / "audit" / "checkpoint").read_text().splitlines()[1] == str(size)


def test_an_act_that_was_done_is_done_although_the_log_cannot_be_published(
    seller: Seller, caplog: pytest.LogCaptureFixture
):
    with seller.two.gongshu.desk() as desk:
        late = desk.now + LATER
    with open_desk(seller.home, PASSPHRASES.node, who="Li Wei", now=late) as desk:
        assert standing.suspend(desk, "longyou").untold
    assert "behind its events" in caplog.text


def test_nobody_signs_beside_newer_keys(seller: Seller):
    with seller.two.gongshu.desk() as desk:
        rotated(seller.two.gongshu, now=desk.now)
        pairing = partners.named(desk.connection, "longyou").pairing
        with pytest.raises(BusyError, match="newer keys"), transaction(desk.connection):
            saying.say(desk, pairing, Suspension(True, None))


def test_a_release_is_judged_at_the_moment_at_which_its_turn_comes(seller: Seller):
    with seller.two.gongshu.desk() as desk:
        seller.grant("village", "n", until=desk.now + timedelta(seconds=30))
    with seller.two.gongshu.desk() as desk:
        early = desk.now + timedelta(seconds=28)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with one_at_a_time(seller.home):
            taken.set()
            done.wait(3)

    holder = threading.Thread(target=hold)
    with seller.two.gongshu.desk(now=early) as desk:
        holder.start()
        taken.wait()
        with pytest.raises(ReleaseDeniedError, match="grant"):
            releasing.release(desk, seller.node, ask())
    holder.join()
