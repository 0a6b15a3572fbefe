"""Ship: take what was signed to the relay: files first, then the statement, the message last."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shanhai.audit.database import transaction
from shanhai.courier import outbox, partners, sealing, sets
from shanhai.courier.database import open_state
from shanhai.courier.outbox import Outgoing
from shanhai.courier.partners import Partner
from shanhai.courier.relays.layout import Relay
from shanhai.courier.relays.opening import relay_of
from shanhai.courier.sets import KeptFile
from shanhai.errors import StoreError
from shanhai.exchange.pairing_states import PairingState
from shanhai.settings import Settings


@dataclass(frozen=True)
class Shipped:
    """What was taken to a relay for one partner.

    Attributes:
        address: of the relay.
        files: how many files of sets were put, of `size` bytes together; the others were there already.
        held: messages that wait: from the first parcel on, while the pairing is not active or frozen.
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
) -> Shipped:
    """Take every message that waits for it to the relay; killed anywhere, it may be run again.

    Nothing is signed, so no passphrase is needed. A message is uploaded after all that it names, so who sees
    it finds the rest. What is there already is left: the same bytes are fine, others are an error.

    A parcel leaves only while the pairing is active and not frozen, and what comes after it waits with it,
    since nobody takes messages out of order. What tells of a suspension, an end or new keys needs no such
    state.

    Args:
        address: another relay than that of the pairing, for this time: a tar on a stick.
        again: also what was taken there before and the partner has not settled, the same bytes.

    Raises:
        RelayConflictError: the relay has other bytes in a place of ours.
        StoreError: the relay fails, or a file of a set is gone.
    """
    where = address or partner.relay
    with contextlib.closing(open_state(home)) as connection:
        due = outbox.unacknowledged if again else outbox.waiting_for_upload
        waiting = due(connection, partner.pairing)
        messages = _allowed(connection, partner, waiting)
        held = len(waiting) - len(messages)
        if not messages:
            return Shipped(partner.name, where, held=held)
        loads: list[_Load] = []
        with relay_of(partner, settings, address=address) as relay:
            for message in messages:
                everything = again or address is not None
                load = _load(connection, home, partner, message, relay, again=everything)
                _put(connection, relay, home, partner, load, usual=address is None)
                loads.append(load)
                if relay.at_once:
                    _note(connection, [load], now)
        if not relay.at_once:
            _note(connection, loads, now)
    files = [file for load in loads for file in load.files]
    return Shipped(partner.name, where, messages, len(files), sum(file.size for file in files), held)


def _allowed(
    connection: sqlite3.Connection, partner: Partner, waiting: tuple[Outgoing, ...]
) -> tuple[Outgoing, ...]:
    """What may leave now, as the pairing stands in this moment."""
    now = partners.of_pairing(connection, partner.pairing)
    if now.state is PairingState.ACTIVE and now.frozen is None:
        return waiting
    return tuple(itertools.takewhile(lambda message: message.set_id is None, waiting))


def _load(
    connection: sqlite3.Connection,
    home: Path,
    partner: Partner,
    message: Outgoing,
    relay: Relay,
    *,
    again: bool,
) -> _Load:
    kept = sets.by_id(connection, message.set_id) if message.set_id else None
    if kept is None:
        return _Load(message, None, ())
    folder = sealing.folder_of(home, kept.set_id)
    due = []
    for file in sets.files(connection, kept.set_id):
        known = relay.at_once and partner.pairing in file.uploaded_to
        there = (folder / file.name).is_file()
        if not there and not known:
            raise StoreError(
                "a file of a set that is to be shipped is gone",
                given=folder / file.name,
                hint="put it back from a copy of the home: nobody can make the same file again",
            )
        if there and (again or not known):
            due.append(file)
    return _Load(message, (kept.digest, kept.statement), tuple(due))


def _put(
    connection: sqlite3.Connection, relay: Relay, home: Path, partner: Partner, load: _Load, *, usual: bool
) -> None:
    message = load.message
    if message.set_id is not None and load.statement is not None:
        folder = sealing.folder_of(home, message.set_id)
        for file in load.files:
            relay.put_file(file.sha256, folder / file.name)
            if usual and relay.at_once:
                # Each by itself: a large set that is cut off goes on where it was.
                with transaction(connection):
                    sets.uploaded(connection, message.set_id, file.name, partner.pairing)
        digest, statement = load.statement
        relay.put_statement(digest, statement)
    relay.put_message(message.generation, message.seq, message.envelope)


def _note(connection: sqlite3.Connection, loads: Iterable[_Load], now: datetime) -> None:
    with transaction(connection):
        for load in loads:
            outbox.uploaded(connection, load.message.digest, at=now)
