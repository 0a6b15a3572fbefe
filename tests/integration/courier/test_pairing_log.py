"""Every step of a pairing is in the log before it is taken."""

from __future__ import annotations

import pytest
from two_nodes import Two, accepted, hand_over, offered

from shanhai.audit.checkpoints import origin_of, read_checkpoint
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.audit.verify import Expected, verify_log
from shanhai.courier import outbox, pairing, partners, standing, waiting
from shanhai.courier.own_keys import keyring_of, publish_log
from shanhai.exchange.bodies import Body


def test_without_the_log_nothing_is_confirmed(two: Two):
    """The event of the message is the second of the step: where it cannot be written, all is undone."""
    acceptance = accepted(two, offered(two))
    with two.gongshu.desk() as desk:
        before = pairing.take(desk, "longyou", acceptance)
        desk.connection.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON event "
            'WHEN CAST(NEW.document AS TEXT) LIKE \'%"kind":"ship"%\' '
            "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        with pytest.raises(LogUnwritableError, match="no room"):
            pairing.confirm_without_people(desk, "longyou")
        assert partners.of_pairing(desk.connection, before.pairing) == before
        assert outbox.of_pairing(desk.connection, before.pairing) == ()
        assert [one.kind for one in waiting.open_ones(desk.connection)] == ["confirm"]
    assert [kind for kind, _ in two.gongshu.events()] == ["offer", "accept"]


def test_the_log_of_a_pairing_verifies(paired: Two):
    """And the partner got the checkpoint that stood before its first message."""
    with paired.gongshu.desk() as desk:
        keyring, origin = keyring_of(desk.home), origin_of(desk.me, 0)
        publish_log(desk.home, desk.speaker.holdings, now=desk.now)
        expected = Expected(origin, keyring.log_keys(), events=1)
        found = verify_log(EventLog(desk.connection), desk.home / "audit", expected)
        (first,) = hand_over_again(paired)
    assert (found.wrong, found.events, found.tail) == ((), 5, 0)
    assert read_checkpoint((first.log.checkpoint or "").encode(), origin, keyring.log_keys()).size == 4


def hand_over_again(two: Two) -> list[Body]:
    """What Gongshu said, to a Longyou that forgot that it heard it."""
    with two.longyou.desk() as desk:
        desk.connection.execute("UPDATE partner SET next_seq_in = 0, last_in = NULL")
    return hand_over(two.gongshu, two.longyou)


def test_the_events_of_a_pairing_commit_to_what_was_agreed(paired: Two):
    """A document or a keyset of the same id or version, but with other contents, fits none of them."""
    with paired.gongshu.desk() as desk:
        partner = partners.named(desk.connection, "longyou")
        events = [entry.event for entry in EventLog(desk.connection).entries()]
        told = {event.kind: event.about.get("digest") for event in events if event is not None}
        agreement = partners.agreed(partner)
        assert told["offer"] == agreement.offer_sha256
        assert told["accept"] == told["confirm"] == agreement.digest
        assert told["keyset"] == paired.gongshu.keyset.digest
        standing.renew(desk, "longyou", keyring_of(paired.longyou.home).envelope)
        *_, last = EventLog(desk.connection).entries()
    assert last.event is not None
    assert last.event.kind == "partner-keyset"
    assert last.event.about["digest"] == paired.longyou.keyset.digest
