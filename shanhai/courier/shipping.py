"""Ship: take what was signed to the relay: files first, then the statement, the message last."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.clock import running_clock
from shanhai.courier import leaving, outbox, sealing, sets
from shanhai.courier.database import open_state
from shanhai.courier.outbox import Outgoing
from shanhai.courier.own_copies import recognised
from shanhai.courier.partners import Partner
from shanhai.courier.progress import Tell, metered, silent
from shanhai.courier.relays.layout import Relay
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.sets import KeptFile
from shanhai.courier.withdrawn import Tables
from shanhai.errors import StoreError
from shanhai.settings import Settings


@dataclass(frozen=True)
class Shipped:
    """What was taken to a relay for one partner.

    Attributes:
        address: of the relay.
        files: how many files of sets were put, of `size` bytes together; the others were there already.
        held: messages that wait: from the first parcel on that may not leave now, as `leaving` says.
    """

    partner: str
    address: str
    messages: tuple[Outgoing, ...] = ()
    files: int = 0
    size: int = 0
    held: int = 0


@dataclass(frozen=True)
class _Load:
    """One message with what has to be at the relay before it."""

    message: Outgoing
    statement: tuple[str, bytes] | None
    files: tuple[KeptFile, ...]


def ship(
    home: Path,
    settings: Settings,
    partner: Partner,
    *,
    now: datetime,
    address: str | None = None,
    again: bool = False,
    tell: Tell = silent,
) -> Shipped:
    """Take every message that waits for it to the relay; killed anywhere, it may be run again.

    Nothing is signed, so no passphrase is needed. A message is uploaded after all that it names, so who sees
    it finds the rest. What is there already is left: the same bytes are fine, others are an error.

    A parcel leaves only while the pairing is active and not frozen, its grant in force, and no row of its
    version withdrawn or refused since; what comes after it waits with it, since nobody takes messages out of
    order. That is asked again once its files are there, before the first byte of the message goes, which is
    noted: what nobody can have seen can still be taken back, and nothing else. A message without a set needs
    no such state.

    Args:
        address: another relay than that of the pairing, for this time: a tar on a stick.
        again: also what was taken there before and the partner has not settled, the same bytes. What has run
            out goes without files that are gone: the partner asks for none.
        tell: is told how many bytes of files were taken there.

    Raises:
        RelayConflictError: the relay has other bytes in a place of ours.
        StoreError: the relay fails, or a file of a set is gone.
    """
    where, clock = address or partner.relay, running_clock(now)
    with contextlib.closing(open_state(home)) as connection:
        due = outbox.unacknowledged if again else outbox.waiting_for_upload
        waiting = due(connection, partner.pairing)
        tables = Tables(home)
        messages = leaving.until_held(tables, connection, waiting, now)
        if not messages:
            return Shipped(partner.name, where, held=len(waiting))
        loads: list[_Load] = []
        with recognised(home), relay_of(partner, settings, address=address) as relay:
            # What has begun cannot be taken back: a tar is written last, and its path may be mistyped.
            relay.check_takes([one.envelope for one in messages], _size(connection, messages))
            for message in messages:
                everything = again or address is not None
                load = _load(connection, home, partner, message, relay, again=everything, now=now)
                _put_set(connection, relay, home, partner, load, usual=address is None, tell=tell)
                if not leaving.begin(tables, connection, message, clock()):
                    break
                relay.put_message(message.generation, message.seq, message.envelope)
                loads.append(load)
                if relay.at_once:
                    _note(connection, [load], now)
        if not relay.at_once:
            _note(connection, loads, now)
    files = [file for load in loads for file in load.files]
    gone = tuple(load.message for load in loads)
    size = sum(file.size for file in files)
    return Shipped(partner.name, where, gone, len(files), size, len(waiting) - len(gone))


def _size(connection: sqlite3.Connection, messages: Iterable[Outgoing]) -> int:
    """Bytes of all files of the sets that messages name."""
    named = {one.set_id for one in messages if one.set_id is not None}
    return sum(file.size for set_id in named for file in sets.files(connection, set_id))


def _load(
    connection: sqlite3.Connection,
    home: Path,
    partner: Partner,
    message: Outgoing,
    relay: Relay,
    *,
    again: bool,
    now: datetime,
) -> _Load:
    kept = sets.by_id(connection, message.set_id) if message.set_id else None
    if kept is None:
        return _Load(message, None, ())
    folder = sealing.folder_of(home, kept.set_id)
    due = []
    for file in sets.files(connection, kept.set_id):
        known = relay.at_once and partner.pairing in file.uploaded_to
        there = (folder / file.name).is_file()
        if not there and not known and not message.is_expired(now):
            raise StoreError(
                "a file of a set that is to be shipped is gone",
                given=folder / file.name,
                hint="put it back from a copy of the home: nobody can make the same file again",
            )
        if there and (again or not known):
            due.append(file)
    return _Load(message, (kept.digest, kept.statement), tuple(due))


def _put_set(
    connection: sqlite3.Connection,
    relay: Relay,
    home: Path,
    partner: Partner,
    load: _Load,
    *,
    usual: bool,
    tell: Tell,
) -> None:
    set_id = load.message.set_id
    if set_id is None or load.statement is None:
        return
    folder = sealing.folder_of(home, set_id)
    with metered(tell, "bytes taken to the relay", sum(file.size for file in load.files)) as add:
        for file in load.files:
            relay.put_file(file.sha256, folder / file.name)
            add(file.size)
            if usual and relay.at_once:
                # Each by itself: a large set that is cut off goes on where it was.
                with transaction(connection):
                    sets.uploaded(connection, set_id, file.name, partner.pairing)
    digest, statement = load.statement
    relay.put_statement(digest, statement)


def _note(connection: sqlite3.Connection, loads: Iterable[_Load], now: datetime) -> None:
    with transaction(connection):
        for load in loads:
            outbox.uploaded(connection, load.message.digest, at=now)
