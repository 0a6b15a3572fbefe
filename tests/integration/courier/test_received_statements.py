"""What a partner states is taken as it stands, and does nothing to what others state."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from received_parcels import next_number
from sent_parcels import grant_of, looked_at, received, say, upload
from strangers import stranger
from two_nodes import Two, rotated

from shanhai.audit.database import transaction
from shanhai.clock import system_clock
from shanhai.courier import granted, pairing, standing, their_keys
from shanhai.courier.carried import Carried, write_carried
from shanhai.courier.own_keys import keyring_of
from shanhai.errors import DataError
from shanhai.exchange.bodies import Suspension
from shanhai.exchange.pairings import Offer, sign_offer
from shanhai.exchange.rules import Rules


@pytest.mark.parametrize("year", [1, 999])
def test_a_grant_since_long_ago_is_kept_and_can_be_revoked(pair: Two, year: int):
    """A year below 1000 has its leading zeros where it is kept, or nothing could be read beside it."""
    grant = grant_of(pair, valid_from=datetime(year, 1, 1, tzinfo=UTC))
    revoked = replace(grant, rev=2, revoked=True)
    for content in (grant, revoked, Suspension(True, None)):
        say(pair.longyou, "gongshu", content)
    upload(pair.longyou, "gongshu")
    done = received(pair.gongshu, "longyou")
    assert (done.stopped, [row.code for row in done.settled]) == (None, [None, None, None, None])
    assert [one.grant for one in looked_at(pair.gongshu, lambda desk: granted.every(desk.connection))] == [
        revoked
    ]
    assert pair.gongshu.partner("longyou").state == "suspended_there"


def test_a_damaged_row_of_ours_judges_no_message(pair: Two):
    """The fault is told as ours; what needs the row waits until it is mended, and nothing else does."""
    grant = grant_of(pair)
    say(pair.longyou, "gongshu", grant)
    upload(pair.longyou, "gongshu")
    received(pair.gongshu, "longyou")
    before = next_number(pair.gongshu, "longyou")
    for content in (Suspension(True, None), grant_of(pair), replace(grant, rev=2, revoked=True)):
        say(pair.longyou, "gongshu", content)
    upload(pair.longyou, "gongshu")
    with pair.gongshu.desk() as desk, transaction(desk.connection):
        (body,) = desk.connection.execute("SELECT body FROM grant_").fetchone()
        desk.connection.execute("UPDATE grant_ SET body = ? WHERE id = ?", (body[:-1], grant.id))
    with pytest.raises(DataError, match="cannot be read"):
        received(pair.gongshu, "longyou")
    assert next_number(pair.gongshu, "longyou") == before + 2
    with pair.gongshu.desk() as desk, transaction(desk.connection):
        desk.connection.execute("UPDATE grant_ SET body = ? WHERE id = ? AND rev = 1", (body, grant.id))
    done = received(pair.gongshu, "longyou")
    assert ([row.type for row in done.settled], done.stopped) == (["revoke"], None)


def test_a_partner_that_lists_keys_of_another_keeps_none_of_them_out(pair: Two):
    """Who lists them first proves nothing; headers and sets name the node that speaks."""
    now = system_clock().replace(microsecond=0)
    received(pair.gongshu, "longyou")
    newer = rotated(pair.longyou, now=now).keyset
    squatter = stranger(now, name="zhaohua", also=[key for key in newer.keys if key.not_before >= now])
    offer = Offer(secrets.token_hex(16), squatter.side("zhaohua"), Rules())
    signed = sign_offer(offer, squatter.holdings.signers(squatter.keyset, now))
    file = write_carried(Carried("offer", signed, squatter.envelope, secrets.token_hex(16)))
    with pair.gongshu.desk() as desk:
        pairing.accept(desk, file, "zhaohua", relay=pair.relay)
        standing.renew(desk, "longyou", keyring_of(pair.longyou.home).envelope)
    assert their_keys.their_keyset(pair.gongshu.partner("longyou")).digest == newer.digest
