"""Saying something to a partner: numbered, sealed, signed and kept at once, with its event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shanhai.audit.events import SYSTEM, Event, happened
from shanhai.audit.failures import LogUnwritableError
from shanhai.audit.log import EventLog
from shanhai.courier import outbox, partners
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.speaking import Carried, check_speaks, sealed_to
from shanhai.errors import BusyError, ConfigurationError
from shanhai.exchange.bodies import Body, Content, End, NewKeyset, Suspension, write_body
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant
from shanhai.exchange.messages import Sealed
from shanhai.exchange.pairing_states import SPEAKING, PairingState, check_releases
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.receipts import Receipt

_SALT_BYTES = 32


def say(desk: Desk, pairing: str, content: Content, carried: Carried | None = None) -> Outgoing:
    """Say something to a partner, within the caller's transaction: number, signed bytes and event at once.

    The caller appends the event of what the message tells before, and moves the state of the pairing after.

    Args:
        carried: of a parcel, the set and the keys; None for any other message.

    Raises:
        Refused: `pairing-not-confirmed`, `pairing-suspended`, `pairing-ended`.
        DeniedError: the pairing is frozen, and it is none of suspension, end, keyset and revocation.
        ConfigurationError: one of the two nodes has no valid key.
        BusyError: this node has newer keys than those that are open.
        DataError: the message would be too large.
        LogUnwritableError: the event cannot be written, or there is no transaction.
    """
    if not desk.connection.in_transaction:
        raise LogUnwritableError("a message was signed outside of a transaction")
    _check_newest(desk)
    _check_sends(partners.of_pairing(desk.connection, pairing), content)
    return _signed(desk, pairing, content, carried)


def say_again(desk: Desk, pairing: str, contents: Iterable[Content]) -> tuple[Outgoing, ...]:
    """Say under new numbers what was taken back before any of it left, whatever became of the pairing since.

    The newest keyset of this node is told with it, where it was among them.

    Raises:
        As `say`, but Refused and DeniedError.
    """
    _check_newest(desk)
    said = [_signed(desk, pairing, one) for one in contents]
    _tell_keyset(desk, pairing)
    return tuple(said)


def can_speak(desk: Desk, pairing: str) -> bool:
    """Whether anything could be said to a partner now: both nodes have the valid keys that it needs."""
    try:
        check_speaks(desk.speaker, partners.of_pairing(desk.connection, pairing))
    except ConfigurationError:
        return False
    return True


def is_newest(desk: Desk) -> bool:
    """Whether no newer keyset was made since the keys were opened: it may take one of them back."""
    return keyring_of(desk.home).keyset().version <= desk.speaker.keyset.version


def _signed(desk: Desk, pairing: str, content: Content, carried: Carried | None = None) -> Outgoing:
    connection, speaker = desk.connection, desk.speaker
    if not isinstance(content, NewKeyset):
        # It is what the partner needs to believe the signatures of the next message.
        _tell_keyset(desk, pairing)
    content = _proven(EventLog(connection), content)
    partner = partners.of_pairing(connection, pairing)
    outgoing = _outgoing(sealed_to(connection, partner, content, speaker, carried), content, carried)
    EventLog(connection).append(_event(outgoing, partner.name, desk.who, speaker.now))
    kept = None if carried else write_body(Body(bytes(_SALT_BYTES), None, content))
    outbox.add(connection, outgoing, kept)
    partners.sent(
        connection, pairing, generation=outgoing.generation, seq=outgoing.seq, digest=outgoing.digest
    )
    if isinstance(content, NewKeyset):
        partners.told(connection, pairing, speaker.keyset.version)
    return outgoing


def _proven(log: EventLog, content: Content) -> Content:
    """A receipt with the proof that its event is in the log of the checkpoint that goes with it."""
    if not isinstance(content, Receipt) or content.leaf is None:
        return content
    return replace(content, inclusion=log.inclusion(content.leaf, log.size))


def _tell_keyset(desk: Desk, pairing: str) -> None:
    if partners.of_pairing(desk.connection, pairing).told_keyset < desk.speaker.keyset.version:
        _signed(replace(desk, who=SYSTEM), pairing, NewKeyset(desk.envelope))


def _check_newest(desk: Desk) -> None:
    if not is_newest(desk):
        raise BusyError(
            "this node has newer keys than those that sign",
            given=f"keyset {desk.speaker.keyset.version}",
            allowed="the newest keyset",
            hint="do the same again: it opens the newest",
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
