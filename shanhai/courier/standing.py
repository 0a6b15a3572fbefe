"""A pairing while it stands: suspended, resumed, ended, and kept up with the keys of both sides."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from shanhai.audit.database import transaction
from shanhai.audit.events import Event
from shanhai.audit.log import EventLog
from shanhai.courier import granted, messages_in, partners, saying, sets, their_keys, waiting
from shanhai.courier.desk import Desk
from shanhai.courier.granting import tell_untold
from shanhai.courier.partners import Partner
from shanhai.courier.relays.opening import check_address
from shanhai.courier.releases import Release
from shanhai.courier.taking_back import one_transaction, take_back, take_back_holding
from shanhai.errors import ConfigurationError
from shanhai.exchange.bodies import End, NewKeyset, Suspension
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.pairing_states import SPEAKING, PairingState, Step

_STEPS = ("offer", "accept", "confirm", "suspend", "resume", "fork", "fork-decided", "end")
_OF_PAIRINGS: tuple[waiting.Kind, ...] = ("confirm", "fork", "generation")
_KINDS = {Step.SUSPEND_HERE: "suspend", Step.RESUME_HERE: "resume", Step.END: "end"}
_ALREADY = {
    Step.SUSPEND_HERE: (PairingState.SUSPENDED_HERE, PairingState.SUSPENDED_BOTH),
    Step.RESUME_HERE: (PairingState.ACTIVE, PairingState.SUSPENDED_THERE),
    Step.END: (PairingState.ENDED,),
}
"""Where each step of ours leads: taken there once more, it changes nothing."""

_LONGEST_REASON = 1000


@dataclass(frozen=True)
class Stood:
    """What a step came to.

    Attributes:
        partner: as it stands now.
        taken_back: releases that had not begun to leave, and do not.
        untold: whether the partner would have to be told and is not, since keys ran out.
        already: whether it stood so before, and nothing was done.
    """

    partner: Partner
    taken_back: tuple[Release, ...]
    untold: bool
    already: bool = False


@dataclass(frozen=True)
class Told:
    """What telling our newest keyset came to.

    Attributes:
        partners: names of those that are told.
        taken_back: releases that had not begun to leave, and do not: they would have held what is told.
    """

    partners: tuple[str, ...] = ()
    taken_back: tuple[Release, ...] = ()


@dataclass(frozen=True)
class Renewed:
    """What a keyset of a partner came to that its people brought; `taken_back` as of `Told`."""

    keyset: Keyset
    taken_back: tuple[Release, ...]


def suspend(desk: Desk, name: str, *, reason: str | None = None) -> Stood:
    """Let nothing be received and nothing be released for a time; the partner is told, where keys allow it.

    Parcels that have not begun to leave are taken back: else the partner would hear of it behind them only.

    Raises:
        Refused: pairing-step-wrong, pairing-not-confirmed, pairing-ended.
        ConfigurationError: a reason that cannot be told.
        NotFoundError: there is no such partner.
        LogUnwritableError: an event cannot be written.
    """
    _check_reason(reason)
    with transaction(desk.connection):
        return _step(desk, partners.named(desk.connection, name), Step.SUSPEND_HERE, Suspension(True, reason))


def resume(desk: Desk, name: str, *, reason: str | None = None) -> Stood:
    """Take a suspension of ours back; the partner is told.

    Raises:
        Refused: pairing-step-wrong, pairing-not-confirmed, pairing-ended.
        DeniedError: the pairing is frozen.
        ConfigurationError: a reason that cannot be told.
        NotFoundError: there is no such partner.
        LogUnwritableError: an event cannot be written.
    """
    _check_reason(reason)
    with transaction(desk.connection):
        partner = partners.named(desk.connection, name)
        partners.check_thawed(partner)
        return _step(desk, partner, Step.RESUME_HERE, Suspension(False, reason))


def thaw(desk: Desk, name: str) -> Partner:
    """Go on after a person has looked into two messages that contradict each other. Both are kept.

    Raises:
        ConfigurationError: the pairing is not frozen.
        NotFoundError: there is no such partner.
        LogUnwritableError: the event cannot be written.
    """
    with transaction(desk.connection):
        partner = partners.named(desk.connection, name)
        if partner.frozen is None:
            raise ConfigurationError("the pairing is not frozen", given=name)
        desk.record("fork-decided", pairing=partner.pairing, partner=name, message=partner.frozen)
        partners.thaw(desk.connection, partner.pairing, who=desk.who, at=desk.now)
        return partners.of_pairing(desk.connection, partner.pairing)


def end(desk: Desk, name: str, *, reason: str | None = None) -> Stood:
    """End the pairing for good; a partner that may know us is told, where keys allow it.

    Parcels that have not begun to leave are taken back.

    Raises:
        Refused: pairing-step-wrong.
        ConfigurationError: a reason that cannot be told.
        NotFoundError: there is no such partner.
        LogUnwritableError: an event cannot be written.
    """
    _check_reason(reason)
    with transaction(desk.connection):
        partner = partners.named(desk.connection, name)
        for kind in _OF_PAIRINGS:
            waiting.done(desk.connection, kind, partner.pairing, who=desk.who, at=desk.now)
        return _step(desk, partner, Step.END, End(reason))


def move(connection: sqlite3.Connection, name: str, address: str) -> Partner:
    """Reach the relay at another address from now on, where nothing of ours is known to be.

    Raises:
        ConfigurationError: no relay can be opened by the address.
        NotFoundError: there is no such partner.
    """
    check_address(address)
    with transaction(connection):
        partner = partners.named(connection, name)
        if address != partner.relay:
            sets.left_behind(connection, partner.pairing)
            partners.move(connection, partner.pairing, address)
        return partners.of_pairing(connection, partner.pairing)


def tell_keyset(desk: Desk) -> Told:
    """Tell the newest keyset, and what was given or revoked untold, to every partner that does not know it.

    Raises:
        LogUnwritableError: an event cannot be written.
    """
    told: list[str] = []
    gone: list[Release] = []
    with one_transaction(desk):
        for one in partners.every(desk.connection):
            # Where it has no valid key to seal to, it is told once it brought a newer keyset of its own.
            if is_behind(desk.connection, one, desk.speaker.keyset) and saying.can_speak(desk, one.pairing):
                gone += catch_up(desk, one.pairing)
                told.append(one.name)
    return Told(tuple(told), tuple(gone))


def is_behind(connection: sqlite3.Connection, partner: Partner, mine: Keyset) -> bool:
    """Whether a partner was not told the newest keyset of this node, or of something given or revoked."""
    if partner.state not in SPEAKING:
        return False
    return partner.told_keyset < mine.version or bool(granted.untold(connection, partner.pairing))


def catch_up(desk: Desk, pairing: str) -> tuple[Release, ...]:
    """Tell a partner what it `is_behind` in, where keys allow it; within the caller's transaction.

    Every message to a partner tells the keyset first where it was not done; here nobody waits for one.
    Parcels that may not leave now and would hold it are taken back: it may say that somebody else has a key.

    Returns:
        what was taken back.

    Raises:
        BusyError: this node has newer keys than those that are open.
        LogUnwritableError: an event cannot be written.
    """
    mine = desk.speaker.keyset
    if not is_behind(desk.connection, partners.of_pairing(desk.connection, pairing), mine):
        return ()
    if not saying.can_speak(desk, pairing):
        return ()
    gone = take_back_holding(desk, pairing)
    if partners.of_pairing(desk.connection, pairing).told_keyset < mine.version:
        # Else what was said again told it.
        saying.say(desk, pairing, NewKeyset(desk.envelope))
    return (*gone, *tell_untold(desk, pairing))


def renew(desk: Desk, name: str, envelope: bytes) -> Renewed:
    """Take a newer keyset of a partner from its people: where its keys ran out, or somebody else had one.

    What could not be told to it for want of one is told.

    Args:
        envelope: the signed keyset, as it lies in `keyring/keyset.json` of the partner.

    Raises:
        Refused: the codes of `their_keys.take_keyset`.
        BusyError: this node has newer keys than those that are open, by which something is to be told.
        ConfigurationError: the partner has not accepted yet.
        NotFoundError: there is no such partner.
        LogUnwritableError: the event cannot be written.
    """
    with one_transaction(desk):
        partner = partners.named(desk.connection, name)
        mine = desk.speaker.keyset
        keyset = their_keys.take_keyset(desk.connection, partner.pairing, envelope, mine=mine, now=desk.now)
        messages_in.record_keyset(desk, partner, keyset)
        gone = catch_up(desk, partner.pairing)
    return Renewed(keyset, gone)


def steps(connection: sqlite3.Connection, pairing: str) -> tuple[Event, ...]:
    """The steps that a pairing took at this node, as the log tells them.

    Raises:
        EvidenceError: one of them was edited.
    """
    named = pairing.encode()
    about = (one for one in EventLog(connection).entries() if one.document and named in one.document)
    events = (one.event for one in about)
    return tuple(one for one in events if one and one.kind in _STEPS and one.about["pairing"] == pairing)


def _step(desk: Desk, partner: Partner, step: Step, said: Suspension | End) -> Stood:
    """Take a step of ours: its event, what it takes back, its message, and the state, in this order."""
    if partner.state in _ALREADY[step]:
        return Stood(partner, (), untold=False, already=True)
    # An offer that nobody accepted may be ended, and there is nobody to tell.
    speaks = partner.state in SPEAKING
    untold = speaks and not saying.can_speak(desk, partner.pairing)
    outcome: dict[str, str] = {"outcome": "untold"} if untold else {}
    desk.record(_KINDS[step], pairing=partner.pairing, partner=partner.name, **outcome)
    gone = () if step is Step.RESUME_HERE else take_back(desk, partner.pairing, lambda _: True)
    if not untold and (speaks or step is not Step.END):
        saying.say(desk, partner.pairing, said)
    return Stood(partners.step(desk.connection, partner.pairing, step), gone, untold)


def _check_reason(reason: str | None) -> None:
    if reason is not None and (len(reason) > _LONGEST_REASON or not reason.isprintable()):
        raise ConfigurationError(
            "a reason that cannot be told",
            given=f"{len(reason)} characters",
            allowed=f"one line of at most {_LONGEST_REASON} characters",
        )
