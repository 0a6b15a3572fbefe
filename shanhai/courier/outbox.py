"""What this node says to others: numbered, signed once, kept as bytes, and what became of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shanhai.audit.events import SYSTEM, Event, happened
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.courier import partners
from shanhai.courier.partners import Partner
from shanhai.courier.speaking import Carried, Speaker, sealed_to
from shanhai.exchange.bodies import Content, End, NewKeyset, Suspension
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant
from shanhai.exchange.messages import Sealed
from shanhai.exchange.order import Acknowledged, Sent
from shanhai.exchange.pairing_states import SPEAKING, PairingState, check_releases
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receipts import ADMITTED, REFUSED, Receipt
from shanhai.exchange.strict import read_moment, write_moment

_COLUMNS = (
    "digest, pairing, generation, seq, type, set_id, envelope, issued, not_after, uploaded, settled, outcome,"
    " code"
)
_FINAL = (ADMITTED, REFUSED)
_MAY_BE_ADMITTED = "contract-not-met"


@dataclass(frozen=True)
class Outgoing:
    """One message of ours.

    Attributes:
        digest: of its payload.
        type: of its body.
        set_id: the set that it carries keys for.
        envelope: the bytes that were signed, and the only ones that are ever uploaded.
        not_after: until before when it may be received first; None: it carries no set, and has no end.
        uploaded: when they were last put at the relay, where they are still there as far as is known.
        settled: when the partner was first known to have settled it.
        outcome, code: what its receipt says.
    """

    digest: str
    pairing: str
    generation: int
    seq: int
    type: str
    set_id: str | None
    envelope: bytes = field(repr=False)
    issued: datetime
    not_after: datetime | None
    uploaded: datetime | None = None
    settled: datetime | None = None
    outcome: str | None = None
    code: str | None = None


def enqueue(
    connection: sqlite3.Connection,
    pairing: str,
    content: Content,
    speaker: Speaker,
    *,
    who: str,
    carried: Carried | None = None,
) -> Outgoing:
    """Say something to a partner, within the caller's transaction: number, signed bytes and event at once.

    The caller appends the event of what the message tells before, and moves the state of the pairing after.

    Args:
        who: the person who does it, or `SYSTEM`.
        carried: of a parcel, the set and the keys; None for any other message.

    Raises:
        Refused: `pairing-not-confirmed`, `pairing-suspended`, `pairing-ended`.
        DeniedError: the pairing is frozen, and it is none of suspension, end, keyset and revocation.
        ConfigurationError: one of the two nodes has no valid key.
        DataError: the message would be too large.
        LogUnwritableError: the event cannot be written, or there is no transaction.
    """
    if not connection.in_transaction:
        raise LogUnwritableError("a message was signed outside of a transaction")
    partner = partners.of_pairing(connection, pairing)
    _check_sends(partner, content)
    if not isinstance(content, NewKeyset) and partner.told_keyset < speaker.keyset.version:
        # It is what the partner needs to believe the signatures of the next message.
        enqueue(connection, pairing, NewKeyset(speaker.envelope), speaker, who=SYSTEM)
        partner = partners.of_pairing(connection, pairing)
    outgoing = _outgoing(sealed_to(connection, partner, content, speaker, carried), content, carried)
    EventLog(connection).append(_event(outgoing, partner.name, who, speaker.now))
    _insert(connection, outgoing)
    partners.sent(
        connection, pairing, generation=outgoing.generation, seq=outgoing.seq, digest=outgoing.digest
    )
    if isinstance(content, NewKeyset):
        partners.told(connection, pairing, speaker.keyset.version)
    return outgoing


def by_digest(connection: sqlite3.Connection, digest: str) -> Outgoing | None:
    """The message of that digest."""
    return next(iter(_select(connection, "digest = ?", digest)), None)


def of_pairing(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """Every message to a partner, in order."""
    return _select(connection, "pairing = ?", pairing)


def waiting_for_upload(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """The messages that were never put at the relay, in order."""
    return _select(connection, "pairing = ? AND uploaded IS NULL AND settled IS NULL", pairing)


def unacknowledged(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """The messages that the partner is not known to have settled, in order."""
    return _select(connection, "pairing = ? AND settled IS NULL", pairing)


def of_set(connection: sqlite3.Connection, set_id: str) -> tuple[Outgoing, ...]:
    """The messages that carry keys for a set."""
    return _select(connection, "set_id = ?", set_id)


def sent_to(connection: sqlite3.Connection, pairing: str) -> Sent:
    """What was sent to a partner, by which its acknowledgements and receipts are judged."""
    found = connection.execute("SELECT generation, seq, digest FROM outbox WHERE pairing = ?", (pairing,))
    digests = {(generation, seq): digest for generation, seq, digest in found}
    return Sent(digests, partners.of_pairing(connection, pairing).acknowledged)


def uploaded(connection: sqlite3.Connection, digest: str, *, at: datetime) -> None:
    """Note that the bytes of a message are at the relay."""
    connection.execute("UPDATE outbox SET uploaded = ? WHERE digest = ?", (write_moment(at), digest))


def settled(
    connection: sqlite3.Connection, digest: str, *, outcome: str, code: str | None, at: datetime
) -> None:
    """Note what a receipt says; what comes after admitted or refused changes nothing.

    But where the partner's own contract refused the data, a person there may let them in later.
    """
    connection.execute(
        "UPDATE outbox SET settled = coalesce(settled, ?), outcome = ?, code = ? WHERE digest = ? "
        "AND (outcome IS NULL OR outcome NOT IN (?, ?) OR (? = ? AND code = ?))",
        (write_moment(at), outcome, code, digest, *_FINAL, outcome, ADMITTED, _MAY_BE_ADMITTED),
    )


def acknowledged(connection: sqlite3.Connection, pairing: str, ack: Acknowledged, *, at: datetime) -> None:
    """Note up to which message the partner has settled ours; what became of each, receipts tell."""
    connection.execute(
        "UPDATE outbox SET settled = ? WHERE pairing = ? AND settled IS NULL AND (generation, seq) <= (?, ?)",
        (write_moment(at), pairing, ack.generation, ack.seq),
    )


def _check_sends(partner: Partner, content: Content) -> None:
    if isinstance(content, Parcel):
        check_releases(partner.state)
    if partner.state not in SPEAKING:
        ended = partner.state is PairingState.ENDED
        raise Refused("pairing-ended" if ended else "pairing-not-confirmed")
    revoked = isinstance(content, Grant) and content.revoked
    if not revoked and not isinstance(content, Suspension | End | NewKeyset):
        partners.check_thawed(partner)


def _outgoing(sealed: Sealed, content: Content, carried: Carried | None) -> Outgoing:
    header = sealed.header
    return Outgoing(
        digest=sealed.digest,
        pairing=header.pairing,
        generation=header.generation,
        seq=header.seq,
        type=_type(content),
        set_id=carried.statement.set if carried else None,
        envelope=sealed.envelope,
        issued=header.issued,
        not_after=header.not_after,
    )


def _event(outgoing: Outgoing, partner: str, who: str, now: datetime) -> Event:
    about: dict[str, str] = {} if outgoing.set_id is None else {"set": outgoing.set_id}
    return happened(
        "ship",
        who=who,
        at=now,
        pairing=outgoing.pairing,
        partner=partner,
        generation=outgoing.generation,
        seq=outgoing.seq,
        message=outgoing.digest,
        **about,
    )


def _type(content: Content) -> str:
    match content:
        case Parcel():
            return "parcel"
        case Receipt():
            return "receipt"
        case Grant():
            return "revoke" if content.revoked else "grant"
        case NewKeyset():
            return "keyset"
        case Suspension():
            return "suspend"
        case End():
            return "end"


def _insert(connection: sqlite3.Connection, outgoing: Outgoing) -> None:
    connection.execute(
        f"INSERT INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)",
        (
            outgoing.digest,
            outgoing.pairing,
            outgoing.generation,
            outgoing.seq,
            outgoing.type,
            outgoing.set_id,
            outgoing.envelope,
            write_moment(outgoing.issued),
            None if outgoing.not_after is None else write_moment(outgoing.not_after),
        ),
    )


def _select(connection: sqlite3.Connection, condition: str, *values: str) -> tuple[Outgoing, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE {condition} ORDER BY pairing, generation, seq", values
    )
    return tuple(map(_read, rows))


def _read(row: tuple[Any, ...]) -> Outgoing:
    digest, pairing, generation, seq, kind, set_id, envelope, *moments, outcome, code = row
    issued, not_after, uploaded_at, settled_at = moments
    return Outgoing(
        digest,
        pairing,
        generation,
        seq,
        kind,
        set_id,
        envelope,
        read_moment(issued),
        None if not_after is None else read_moment(not_after),
        None if uploaded_at is None else read_moment(uploaded_at),
        None if settled_at is None else read_moment(settled_at),
        outcome,
        code,
    )
