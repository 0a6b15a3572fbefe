"""What may leave now: judged when a release is signed, and once more before the first byte of it goes."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import granted, outbox, partners, releases
from shanhai.courier.outbox import Outgoing
from shanhai.courier.partners import Partner
from shanhai.courier.releases import Release
from shanhai.courier.withdrawn import Tables
from shanhai.exchange.pairing_states import PairingState


def may_leave(tables: Tables, connection: sqlite3.Connection, message: Outgoing, now: datetime) -> bool:
    """Whether a message may be uploaded at this moment.

    A parcel needs an active pairing that is not frozen, its grant, in the revision that it names, in force,
    and every row of its version accepted still. What has begun to leave may have been seen, so it goes on:
    else nothing after it could be told.
    """
    if message.set_id is None or message.begun is not None:
        return True
    release = releases.of_message(connection, message.digest)
    return (
        is_open(partners.of_pairing(connection, message.pairing))
        and release is not None
        and stands(tables, connection, release, now)
    )


def is_open(partner: Partner) -> bool:
    """Whether any parcel may leave to a partner: the pairing is active, and not frozen."""
    return partner.state is PairingState.ACTIVE and partner.frozen is None


def stands(
    tables: Tables,
    connection: sqlite3.Connection,
    release: Release,
    now: datetime,
    *,
    unread_stands: bool = False,
) -> bool:
    """Whether what was released is still granted, by the newest revision, and none of it was withdrawn.

    Args:
        unread_stands: as of `Tables.lack`.
    """
    grant = granted.newest(connection, granted.GIVEN, release.grant)
    if grant is None or grant.rev != release.rev or not granted.is_in_force(grant, now):
        return False
    return not tables.lack(release.deliveries, release.versions, unread_stands=unread_stands)


def leaving(home: Path, connection: sqlite3.Connection, pairing: str, now: datetime) -> tuple[Outgoing, ...]:
    """The messages that a relay lacks and that may go there, up to the first that may not."""
    return until_held(Tables(home), connection, outbox.waiting_for_upload(connection, pairing), now)


def until_held(
    tables: Tables, connection: sqlite3.Connection, messages: tuple[Outgoing, ...], now: datetime
) -> tuple[Outgoing, ...]:
    """The messages before the first that may not leave: nobody takes them out of order."""
    return tuple(itertools.takewhile(lambda one: may_leave(tables, connection, one, now), messages))


def begin(tables: Tables, connection: sqlite3.Connection, message: Outgoing, now: datetime) -> bool:
    """Note that the upload of a message begins, in one transaction with asking whether it still may.

    So whoever takes a grant back either finds that its parcel has begun, or keeps it from beginning.

    Args:
        tables: best those that were asked already; only what was committed since is then read while others
            wait.

    Returns:
        whether it may; else not a byte of it may be written.
    """
    with transaction(connection):
        kept = outbox.by_digest(connection, message.digest)
        if kept is None or not may_leave(tables, connection, kept, now):
            return False
        outbox.begin(connection, message.digest, at=now)
    return True
