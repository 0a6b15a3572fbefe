"""What a scheduler does for one node and one partner, a function a task; each may be killed and run again.

What waits for a person is no error here: it is noted, told once, and the next run looks again.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from shanhai.audit.events import SYSTEM
from shanhai.clock import system_clock
from shanhai.courier import outbox, partners
from shanhai.courier.admitting import Admission, is_due
from shanhai.courier.admitting import admit as admit_tables
from shanhai.courier.arrived import Arrived
from shanhai.courier.database import open_state
from shanhai.courier.desk import Desk, open_desk
from shanhai.courier.due import due
from shanhai.courier.finishing import finish_unless_busy
from shanhai.courier.leaving import is_open, leaving
from shanhai.courier.opened import opened_tables
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.receiving import Received, receive_from
from shanhai.courier.releases import Release
from shanhai.courier.sending import Sending, release_due
from shanhai.courier.served import Served
from shanhai.courier.shipping import Shipped
from shanhai.courier.shipping import ship as ship_messages
from shanhai.courier.speaking import keys_last
from shanhai.courier.standing import catch_up, is_behind
from shanhai.courier.taking_back import any_over, one_transaction, take_back_over
from shanhai.courier.telling import tell_waiting
from shanhai.courier.turns import wait_for_turn
from shanhai.errors import ConfigurationError
from shanhai.exchange.failures import Gap, Refused
from shanhai.exchange.pairing_states import check_receives
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.unseen import is_ahead
from shanhai.keyring.passphrases import passphrase_in

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """What came of what a partner left at the relay.

    Attributes:
        stopped: why nothing, or no later message, was looked at: a code, or the state of the pairing.
        taken_back: releases to the partner that had not begun to leave, and do not.
    """

    settled: tuple[Arrived, ...]
    stopped: str | None
    taken_back: tuple[Release, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: names and numbers."""
        settled = [{"seq": row.seq, "type": row.type, "state": str(row.state)} for row in self.settled]
        taken_back = [one.named for one in self.taken_back]
        return {"settled": settled, "stopped": self.stopped, "taken_back": taken_back}


@dataclass(frozen=True)
class Admitted:
    """What came of the tables that waited; told of are those that stand otherwise than before.

    Attributes:
        changed: whether marts of this node have rows to follow.
    """

    tables: tuple[Admission, ...]
    changed: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: names and numbers."""
        admitted = [
            {
                "dataset": str(one.dataset) if one.dataset else None,
                "verdict": one.verdict,
                "rows": one.rows,
            }
            for one in self.tables
            if one.changed
        ]
        return {"admitted": admitted, "changed": self.changed}


@dataclass(frozen=True)
class Uploaded:
    """What was taken to the relays of a partner."""

    shipped: tuple[Shipped, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: how many messages are there, and how many wait."""
        return {
            "messages": sum(len(one.messages) for one in self.shipped),
            "held": sum(one.held for one in self.shipped),
        }


def has_work(served: Served) -> bool:
    """Whether something may leave the node: released by a grant, or signed and not yet at a relay.

    What cannot be looked at counts as something: its release says what is wrong.
    """
    with _state(served) as connection:
        home, every, now = served.settings.home, partners.every(connection), system_clock()
        if any(leaving(home, connection, one.pairing, now) for one in every):
            return True
        if any(_is_late(served, connection, one) for one in every):
            return True
        node = open_node(served.settings)
        names = dict.fromkeys(one.name for one in every)
        return any(next(due(node, connection, name, now), None) is not None for name in names)


def release(served: Served, name: str) -> Sending:
    """Release what is due to a partner, after what is late; keys are opened only if anything is.

    Raises:
        NotFoundError: there is no such partner.
        ConfigurationError: the keys stay locked.
        RetryableError: the log, a store or the home failed, or the home is busy.
    """
    with _telling(served):
        node = open_node(served.settings)
        with _state(served) as connection:
            asks = tuple(due(node, connection, name, system_clock()))
            is_late = _is_late(served, connection, partners.named(connection, name))
        if not asks and not is_late:
            return Sending()
        # Whoever has to wait does so before the keys are opened.
        wait_for_turn(served.settings.home)
        with _desk(served) as desk:
            gone = _caught_up(desk, name)
            if not is_open(partners.named(desk.connection, name)):
                return Sending(taken_back=gone)
            if gone:
                asks = tuple(due(node, desk.connection, name, desk.now))
            return replace(release_due(desk, node, name, asks), taken_back=gone)


def ship(served: Served, name: str) -> Uploaded:
    """Take what was signed to the relay, of every pairing with a partner of that name; no key is opened.

    Raises:
        RelayConflictError: the relay has other bytes in a place of ours.
        StoreError: the relay fails, or a file of a set is gone.
    """
    with _state(served) as connection:
        meant = [one for one in partners.every(connection) if one.name == name]
        meant = [one for one in meant if outbox.waiting_for_upload(connection, one.pairing)]
    settings = served.settings
    return Uploaded(tuple(ship_messages(settings.home, settings, one, now=system_clock()) for one in meant))


def receive(served: Served, name: str) -> Taken:
    """Take what a partner left at the relay.

    A pairing that is frozen, suspended or not confirmed gives nothing new; what was opened before is put in
    its place. A message that is refused, one that a person has to confirm, one that lacks the message before
    it, and one that is issued in our future, end the run and are told.

    Raises:
        NotFoundError: there is no such partner.
        ConfigurationError: the address of the relay, the keys, or the means to confine a parser.
        RetryableError: relay, log or home failed, or another process receives from this partner.
    """
    with _telling(served):
        with _state(served) as connection:
            partner = partners.named(connection, name)
            closed = _closed(partner)
            if closed is not None:
                finish_unless_busy(served.settings.home, connection, partner.pairing)
                return Taken((), closed)
        with _desk(served) as desk:
            received = receive_from(desk, served.settings, name)
        return Taken(received.settled, _reason(received), received.taken_back)


def admit(served: Served, name: str) -> Admitted:
    """Walk the contracts for what was opened, and tell the partner in a receipt.

    Keys are opened only if there is anything to do: a table that is held, or that our contract refused, waits
    for a person.

    Raises:
        ShanhaiError: of the first walk that failed; what could be settled is.
    """
    with _state(served) as connection:
        if not opened_tables(connection, name):
            # A node that only sends, or passes on, needs no contracts.
            return Admitted((), changed=False)
        node = open_node(served.settings)
        if not is_due(connection, node, name):
            return Admitted((), changed=False)
    with _telling(served), _desk(served) as desk:
        tables = admit_tables(desk, node, name)
    return Admitted(tables, changed=_is_ahead(node, tables))


def _is_late(served: Served, connection: sqlite3.Connection, partner: Partner) -> bool:
    """Whether something is to be taken back, or to be told that could not be, and keys to say it last."""
    mine, now = keyring_of(served.settings.home).keyset(), system_clock()
    late = any_over(served.settings.home, connection, partner, now) or is_behind(connection, partner, mine)
    return late and keys_last(mine, partner, now)


def _caught_up(desk: Desk, name: str) -> tuple[Release, ...]:
    """Take back what will not leave, and tell what could not be told; gives what was taken back."""
    gone = take_back_over(desk, name)
    with one_transaction(desk):
        gone += catch_up(desk, partners.named(desk.connection, name).pairing)
    for one in gone:
        log.info("take-back partner=%s message=%s", name, one.message)
    return gone


def _is_ahead(node: Node, tables: tuple[Admission, ...]) -> bool:
    return any(is_ahead(node, dataset) for dataset in {one.dataset for one in tables} if dataset is not None)


def _closed(partner: Partner) -> str | None:
    """Why nothing is received now: a person knows, or is told by what waits."""
    if partner.frozen is not None:
        return "frozen"
    try:
        check_receives(partner.state)
    except Refused as refusal:
        return refusal.code
    return None


def _reason(received: Received) -> str | None:
    """Why it stopped, where that is for a person to look at.

    Raises:
        RetryableError: something failed that may succeed later.
    """
    stopped = received.stopped
    if stopped is None or isinstance(stopped, (Refused, Gap)):
        return None if stopped is None else stopped.code
    raise stopped


@contextlib.contextmanager
def _telling(served: Served) -> Iterator[None]:
    """Tell people what waits for them after the block, and also where it failed."""
    try:
        yield
    finally:
        with _state(served) as connection:
            tell_waiting(served.settings, connection, served.name)


@contextlib.contextmanager
def _state(served: Served) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_state(served.settings.home)) as connection:
        yield connection


@contextlib.contextmanager
def _desk(served: Served) -> Iterator[Desk]:
    file = served.settings.passphrase_file
    if file is None:
        raise ConfigurationError(
            "nobody is there to type a passphrase",
            given=served.name,
            allowed="passphrase_file in nodes.yml, or SHANHAI_PASSPHRASE_FILE",
        )
    with open_desk(served.settings.home, passphrase_in(file), who=SYSTEM, now=system_clock()) as desk:
        yield desk
