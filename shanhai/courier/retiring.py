"""Sets that nobody can need any more: files and keys go, statements stay; and what a kill left behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.courier import outbox, partners, sealing, sets
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.receipts import is_done
from shanhai.courier.sets import KeptSet
from shanhai.courier.turns import one_at_a_time
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.receipts import RECEIVED
from shanhai.exchange.subjects import APPLICATION


def sweep(home: Path, connection: sqlite3.Connection) -> None:
    """Remove what a killed release or retirement left: sets never signed, retired ones, keys half written.

    Only while the sets of the home are held (`turns.one_at_a_time`): a set that is being written now looks
    the same as one whose writer died.

    Raises:
        StoreError: a folder cannot be written.
    """
    keyring_of(home).sweep_sets()
    for set_id in sets.unfinished(connection):
        _remove(home, set_id)
        with transaction(connection):
            sets.forget(connection, set_id)
    for set_id in sets.retired(connection):
        if sealing.folder_of(home, set_id).is_dir():
            _remove(home, set_id)


def retire_sets(desk: Desk) -> tuple[str, ...]:
    """Retire every set that is not of the newest version of its subject and has arrived wherever it was sent.

    An application has arrived once it was received: nobody loads it. To a pairing that ended nothing more
    arrives but what has begun to leave, until it has run out.

    The newest is kept, so that another recipient can have it by a message alone. The event comes before the
    keys go; once they are gone, nobody can be given the set any more. What a killed retirement left goes
    first.

    Returns:
        the ids of the sets.

    Raises:
        LogUnwritableError: the event cannot be written.
        StoreError: a folder cannot be written.
    """
    with one_at_a_time(desk.home):
        sweep(desk.home, desk.connection)
        gone = _superseded(desk)
        for one in gone:
            with transaction(desk.connection):
                event = happened("retire", who=desk.who, at=desk.now, set=one.set_id)
                EventLog(desk.connection).append(event)
                sets.retire(desk.connection, one.set_id)
            _remove(desk.home, one.set_id)
    return tuple(one.set_id for one in gone)


def _superseded(desk: Desk) -> list[KeptSet]:
    kept = sets.sealed(desk.connection)
    newest = {one.subject: one.version for one in sorted(kept, key=lambda one: one.version)}
    return [one for one in kept if one.version < newest[one.subject] and _has_arrived(desk, one)]


def _has_arrived(desk: Desk, kept: KeptSet) -> bool:
    return all(_is_over(desk, kept, one) for one in outbox.of_set(desk.connection, kept.set_id))


def _is_over(desk: Desk, kept: KeptSet, message: Outgoing) -> bool:
    if is_done(message) or (kept.subject.kind == APPLICATION and message.outcome == RECEIVED):
        return True
    ended = partners.of_pairing(desk.connection, message.pairing).state is PairingState.ENDED
    # What has begun to leave leaves yet, and once more where a relay lost it: the end is told behind it.
    return ended and (message.begun is None or message.settled is not None or message.is_expired(desk.now))


def _remove(home: Path, set_id: str) -> None:
    # Keys first: files without keys are noise, keys without files are still keys.
    keyring_of(home).retire_set(set_id)
    sealing.remove_files(home, set_id)
