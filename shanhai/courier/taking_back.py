"""Parcels that are taken back before a byte of them left; what was said after them is said again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from shanhai.audit.database import transaction
from shanhai.courier import granted, leaving, outbox, partners, releases
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.partners import Partner
from shanhai.courier.releases import Release
from shanhai.courier.saying import can_speak, say_again
from shanhai.exchange.bodies import Content, read_body
from shanhai.exchange.pairing_states import PairingState


def take_back(desk: Desk, pairing: str, is_over: Callable[[Release], bool]) -> tuple[Release, ...]:
    """Free the numbers from the first parcel on that may not leave any more; within the caller's transaction.

    Only of messages whose upload never began: no byte of them was seen by anybody, so their numbers can be
    given to others. Each is an event. What told something is said again, in the same order. A parcel is not:
    it is as if it had not been released, and may be released anew, judged anew.

    Where no message could be signed or sealed now, all stays as it is: `leaving` holds such parcels.

    Args:
        is_over: whether what was released may not leave any more.

    Returns:
        what was taken back: those that are over, and those that were numbered after the first of them.

    Raises:
        BusyError: this node has newer keys than those that are open.
        LogUnwritableError: an event cannot be written.
    """
    waiting = outbox.unbegun(desk.connection, pairing)
    released = {one.digest: releases.of_message(desk.connection, one.digest) for one in waiting}
    first = next((n for n, one in enumerate(waiting) if _is_over(released[one.digest], is_over)), None)
    if first is None or not can_speak(desk, pairing):
        return ()
    gone = waiting[first:]
    # The newest keyset is told before anything that needs it.
    told = [one for one in gone if one.set_id is None and one.type != "keyset"]
    contents = [_content(desk.connection, one) for one in told]
    _forget(desk, gone)
    for before, after in zip(told, say_again(desk, pairing, contents), strict=True):
        granted.told_by(desk.connection, before.digest, after.digest)
    return tuple(one for one in (released[message.digest] for message in gone) if one is not None)


def take_back_over(desk: Desk, name: str) -> tuple[Release, ...]:
    """Take back what is no longer granted to a partner as it was when it was released; as `take_back`.

    Raises:
        NotFoundError: there is no such partner.
    """
    with transaction(desk.connection):
        pairing = partners.named(desk.connection, name).pairing
        return take_back(desk, pairing, lambda one: not leaving.stands(desk.connection, one, desk.now))


def take_back_holding(desk: Desk, pairing: str) -> tuple[Release, ...]:
    """Take back what would hold what is said next; as `take_back`, within the caller's transaction.

    That is what is no longer granted, and all of a frozen pairing: of it only that leaves which may be
    told all the same.
    """
    frozen = partners.of_pairing(desk.connection, pairing).frozen is not None
    return take_back(desk, pairing, lambda one: frozen or not leaving.stands(desk.connection, one, desk.now))


def any_over(connection: sqlite3.Connection, partner: Partner, now: datetime) -> bool:
    """Whether `take_back_over` would find anything of an active pairing; no key is opened."""
    if partner.state is not PairingState.ACTIVE or partner.frozen is not None:
        return False
    unbegun = outbox.unbegun(connection, partner.pairing)
    found = (releases.of_message(connection, one.digest) for one in unbegun)
    return any(one is not None and not leaving.stands(connection, one, now) for one in found)


def _is_over(release: Release | None, is_over: Callable[[Release], bool]) -> bool:
    return release is not None and is_over(release)


def _content(connection: sqlite3.Connection, message: Outgoing) -> Content:
    kept = outbox.content(connection, message.digest)
    if kept is None:
        raise AssertionError("what told something is kept until it leaves")
    return read_body(kept, None).content


def _forget(desk: Desk, gone: tuple[Outgoing, ...]) -> None:
    for one in gone:
        number = {"generation": one.generation, "seq": one.seq}
        desk.record("take-back", pairing=one.pairing, message=one.digest, **number)
        releases.forget(desk.connection, one.digest)
    if any(one.type == "keyset" for one in gone):
        partners.told(desk.connection, gone[0].pairing, 0)
    outbox.forget(desk.connection, gone)
