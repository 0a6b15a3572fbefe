"""What status tells of what was shipped: for how long nobody answered, and what waits here."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from seller import Seller

from shanhai.audit.database import transaction
from shanhai.courier import outbox
from shanhai.courier.desk import Desk
from shanhai.courier.receipts import sent
from shanhai.courier.status import PartnerStatus, status
from shanhai.exchange.order import Acknowledged


@pytest.fixture
def seller(seller: Seller) -> Seller:
    seller.grant("village", "n")
    return seller


def test_a_receipt_that_is_withheld_is_shown_missing(seller: Seller):
    """receipt-withheld: a partner that reads and says nothing is not told from one that never had it."""
    seller.release()
    seller.ship()
    with seller.two.gongshu.desk() as desk:
        standings, partner = seen_at(desk, desk.now)
        assert (standings, partner.expired, partner.silent_since) == (["shipped"], 0, None)
        assert partner.unsettled > 0
        standings, partner = seen_at(desk, desk.now + timedelta(days=31))
        assert (standings, partner.expired) == (["expired"], 1)
        assert partner.silent_since is not None


def test_a_partner_that_owes_no_answer_is_not_silent(seller: Seller):
    seller.ship()
    with seller.two.gongshu.desk() as desk:
        assert "parcel" not in {one.type for one in seller.messages()}
        later = desk.now + timedelta(days=31)
        assert seen_at(desk, later)[1].silent_since is None
        assert not [one for one in status(desk.home, desk.connection, later).partners if one.expired]


def test_what_is_counted_for_people_is_what_became_of_each_message_and_no_message_is_read(seller: Seller):
    done = seller.release()
    seller.ship()
    with seller.two.gongshu.desk() as desk:
        connection, now = desk.connection, desk.now
        with transaction(connection):
            outbox.acknowledged(connection, done.message.pairing, Acknowledged(0, 1, "a" * 64), at=now)
        for refused in (False, True):
            if refused:
                with transaction(connection):
                    answer = {"outcome": "refused", "code": "contract-not-met"}
                    outbox.settled(connection, done.message.digest, **answer, at=now)
            for moment in (now, now + timedelta(days=31)):
                every = sent(connection, moment)
                statements: list[str] = []
                connection.set_trace_callback(statements.append)
                (told,) = status(desk.home, connection, moment).partners
                connection.set_trace_callback(None)
                standings = [one.standing for one in every]
                left = [one.message.issued for one in every if one.message.settled is None]
                assert (told.unsettled, told.oldest) == (len(left), min(left, default=None))
                assert (told.expired, told.refused) == (standings.count("expired"), int(refused))
                reading = [one for one in statements if "envelope" in one]
                assert not [one for one in reading if "uploaded IS NULL" not in one]
                assert "release_" not in "".join(statements)


def test_what_may_not_leave_is_not_quiet(seller: Seller):
    seller.release()
    with seller.two.gongshu.desk() as desk:
        assert status(desk.home, desk.connection, desk.now).quiet
        with transaction(desk.connection):
            desk.connection.execute("UPDATE partner SET state = 'suspended_here'")
        found = status(desk.home, desk.connection, desk.now)
        assert (found.partners[0].held, found.quiet) == (1, False)


def seen_at(desk: Desk, now: datetime) -> tuple[list[str], PartnerStatus]:
    """What a person is shown of the parcels and of their recipient."""
    (partner,) = status(desk.home, desk.connection, now).partners
    return [one.standing for one in sent(desk.connection, now) if one.message.type == "parcel"], partner
