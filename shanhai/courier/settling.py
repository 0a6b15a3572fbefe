"""The transactions by which a message is begun and settled: number, effect, events and receipt at once."""

from __future__ import annotations

from dataclasses import replace

from shanhai.applications.reading import executable_digest
from shanhai.audit.database import transaction
from shanhai.audit.events import SYSTEM
from shanhai.courier import inbox, incoming, listings_kept, messages_in, partners, saying, waiting
from shanhai.courier.arrived import Arrived, Came, Contents
from shanhai.courier.desk import Desk
from shanhai.courier.opening import Made
from shanhai.courier.partners import Partner
from shanhai.exchange.failures import Seen
from shanhai.exchange.receipts import RECEIVED, Receipt
from shanhai.exchange.receive import Verified
from shanhai.exchange.subjects import APPLICATION
from shanhai.exchange.unwrap import Opened


def begin(
    desk: Desk, partner: Partner, verified: Verified, envelope: bytes, statement: bytes | None
) -> Arrived:
    """Write the event of the opening, before anything is opened; one that was cut off has it already.

    Returns:
        The row, with the moment by which the message is judged from now on.

    Raises:
        LogUnwritableError: the event cannot be written; nothing may be opened.
    """
    seen = verified.seen
    came = Came(seen, envelope, statement, desk.now, verified.keyset.digest)
    with transaction(desk.connection):
        if inbox.begin(desk.connection, came):
            named = verified.header.set_digest
            about: dict[str, str] = {} if named is None else {"digest": named}
            desk.record(
                "opening",
                pairing=partner.pairing,
                partner=partner.name,
                message=seen.digest,
                generation=seen.generation,
                seq=seen.seq,
                **about,
            )
    return _row(desk, seen)


def take_message(desk: Desk, partner: Partner, seen: Seen, opened: Opened) -> Arrived:
    """Settle a message that is no parcel, and do what it says.

    Raises:
        Refused: as `messages_in.act`; nothing was done.
        LogUnwritableError: nothing was done.
    """
    with transaction(desk.connection):
        messages_in.note_confirmed(desk, partner)
        kind = messages_in.act(desk, partner, seen, opened.body)
        messages_in.note_answers(desk, partner, opened.body)
        inbox.taken(desk.connection, seen.digest, kind=kind, body=opened.body_bytes)
        moved(desk, partner, seen)
    return _row(desk, seen)


def take_parcel(desk: Desk, partner: Partner, seen: Seen, opened: Opened, made: Made) -> Arrived:
    """Settle a parcel whose contents hold: it keeps its number, the partner is told, and it waits.

    A table waits for a contract, an application for a person.

    Raises:
        ConfigurationError: a key of ours, or of the partner, ran out; nothing was done.
        LogUnwritableError: nothing was done.
        StoreError: what was opened cannot be moved to its place; the next run does it.
    """
    facts = opened.facts
    if facts is None:
        raise AssertionError("a parcel has facts")
    contents = Contents(
        subject=facts.subject.name,
        version=str(facts.version),
        file=incoming.place_of(partner.name, facts, seen),
        sha256=made.sha256,
        executable=None if made.contents is None else executable_digest(made.contents.executable),
    )
    with transaction(desk.connection):
        messages_in.note_confirmed(desk, partner)
        messages_in.note_answers(desk, partner, opened.body)
        inbox.opened(desk.connection, seen.digest, contents, body=opened.body_bytes)
        if made.contents is not None:
            listings_kept.keep(desk.connection, seen.digest, made.contents)
        moved(desk, partner, seen)
        if facts.subject.kind == APPLICATION:
            waiting.waits(desk.connection, "adopt", seen.digest, desk.now)
        answer(desk, partner, Receipt(of=seen.digest, outcome=RECEIVED))
    row = _row(desk, seen)
    incoming.publish(desk.home, row)
    return row


def moved(desk: Desk, partner: Partner, seen: Seen) -> None:
    """Note, within the caller's transaction, that a message has kept its number."""
    connection = desk.connection
    partners.settled(
        connection, partner.pairing, generation=seen.generation, seq=seen.seq, digest=seen.digest
    )
    partners.heard(connection, partner.pairing, desk.now)
    for about in (seen.digest, partner.pairing):
        waiting.done(connection, "refused", about, who=SYSTEM, at=desk.now)


def answer(desk: Desk, partner: Partner, receipt: Receipt) -> None:
    """Send a receipt, within the caller's transaction, with the place of its event in our log.

    Raises:
        Refused, DeniedError, ConfigurationError, LogUnwritableError: as `saying.say`.
    """
    about: dict[str, str] = {} if receipt.code is None else {"code": receipt.code}
    leaf = desk.record(
        "receipt",
        pairing=partner.pairing,
        partner=partner.name,
        message=receipt.of,
        outcome=receipt.outcome,
        **about,
    )
    saying.say(desk, partner.pairing, replace(receipt, leaf=leaf))


def _row(desk: Desk, seen: Seen) -> Arrived:
    row = inbox.by_digest(desk.connection, seen.digest)
    if row is None:
        raise AssertionError("the row was written just now")
    return row
