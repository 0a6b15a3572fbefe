"""Parcels that are taken back before a byte of them left; what was said after them is said again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import granted, leaving, outbox, partners, releases
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.partners import Partner
from shanhai.courier.releases import Release
from shanhai.courier.saying import can_speak, is_newest, say_again
from shanhai.courier.withdrawn import Tables
from shanhai.exchange.bodies import Content, read_body
from shanhai.exchange.pairing_states import SPEAKING

TOLD_AT_ONCE = frozenset({"revoke", "keyset", "suspend", "end"})
"""Messages that no parcel may hold: what they say is to be known to the partner as soon as may be.

So is a grant that narrows the one before it."""


@contextlib.contextmanager
def one_transaction(desk: Desk) -> Iterator[None]:
    """A transaction in which parcels may be taken back: the logs of tables are read before it begins.

    Within it only what was committed meanwhile is read, so that nobody has to wait for more.

    Raises:
        LogUnwritableError: as `transaction`.
    """
    read_ahead(desk)
    with transaction(desk.connection):
        yield


def read_ahead(desk: Desk) -> None:
    """Read the logs of the tables that the parcels are made of which may still be taken back."""
    for partner in partners.every(desk.connection):
        for one in unbegun_releases(desk.connection, partner.pairing):
            desk.tables.lack(one.deliveries, one.versions)


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

    So is what has rows that were withdrawn since, or judged otherwise; and what may not leave for any other
    reason, where it holds something that is told at once.

    Raises:
        NotFoundError: there is no such partner.
    """
    with one_transaction(desk):
        partner = partners.named(desk.connection, name)
        if any_held(desk.tables, desk.connection, partner, desk.now):
            return take_back_holding(desk, partner.pairing)

        def is_over(one: Release) -> bool:
            # What cannot be read now may stand, with the consent of whoever approved it: it waits.
            return not leaving.stands(desk.tables, desk.connection, one, desk.now, unread_stands=True)

        return take_back(desk, partner.pairing, is_over)


def take_back_holding(desk: Desk, pairing: str, *, grant: str | None = None) -> tuple[Release, ...]:
    """Take back what would hold what is said next; as `take_back`, within the caller's transaction.

    That is what may not leave now: what is no longer granted, or was withdrawn, and all while the pairing is
    not active, or is frozen.

    Args:
        grant: one that is revoked or narrowed by what is said: what was released under it.
    """
    closed = not leaving.is_open(partners.of_pairing(desk.connection, pairing))

    def is_over(one: Release) -> bool:
        if closed or one.grant == grant:
            return True
        return not leaving.stands(desk.tables, desk.connection, one, desk.now)

    return take_back(desk, pairing, is_over)


def take_back_held(desk: Desk, pairing: str) -> tuple[Release, ...]:
    """Once parcels may not leave any more, take back those that hold something that is told at once.

    Within the caller's transaction, which must not fail for it: by keys that are not the newest nothing is
    taken back. Whoever made the newer ones tells them, and takes it back.
    """
    partner = partners.of_pairing(desk.connection, pairing)
    if not any_held(desk.tables, desk.connection, partner, desk.now) or not is_newest(desk):
        return ()
    return take_back_holding(desk, pairing)


def any_over(home: Path, connection: sqlite3.Connection, partner: Partner, now: datetime) -> bool:
    """Whether anything was released that will not leave: `take_back_over` would find it; no key is opened.

    What waits until the pairing is active and thawed may leave then, unless something is held by it.
    """
    tables = Tables(home)
    if not leaving.is_open(partner):
        return any_held(tables, connection, partner, now)
    waiting = unbegun_releases(connection, partner.pairing)
    return any(not leaving.stands(tables, connection, one, now, unread_stands=True) for one in waiting)


def any_held(tables: Tables, connection: sqlite3.Connection, partner: Partner, now: datetime) -> bool:
    """Whether something that is told at once waits behind a parcel that may not leave now."""
    if partner.state not in SPEAKING:
        return False
    unbegun = outbox.unbegun(connection, partner.pairing)
    held = unbegun[len(leaving.until_held(tables, connection, unbegun, now)) :]
    return any(_is_told_at_once(connection, one) for one in held)


def _is_told_at_once(connection: sqlite3.Connection, message: Outgoing) -> bool:
    if message.type != "grant":
        return message.type in TOLD_AT_ONCE
    grant = granted.told_in(connection, message.digest)
    return grant is not None and granted.narrows(connection, grant)


def unbegun_releases(connection: sqlite3.Connection, pairing: str) -> tuple[Release, ...]:
    """What was released to a partner and could still be taken back."""
    unbegun = outbox.unbegun(connection, pairing)
    found = (releases.of_message(connection, one.digest) for one in unbegun)
    return tuple(one for one in found if one is not None)


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
