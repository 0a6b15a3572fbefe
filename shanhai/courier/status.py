"""How the exchange stands: each partner, what waits for a person, what runs out, who has long been silent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shanhai.courier import adoptions, inbox, outbox, partners, their_keys, waiting
from shanhai.courier.adoptions import Lapsed
from shanhai.courier.incoming import OPENED
from shanhai.courier.leaving import until_held
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.waiting import Waiting
from shanhai.courier.withdrawn import Tables
from shanhai.exchange.keysets import COSIGN, Keyset
from shanhai.exchange.pairing_states import PairingState

SOON = timedelta(days=30)
"""Keys are told from so long before they end."""


@dataclass(frozen=True)
class Expiring:
    """A key that ends soon, with none of its use and algorithm that lasts; `whose` is "" for ours."""

    whose: str
    use: str
    alg: str
    until: datetime


@dataclass(frozen=True)
class WaitingFor:
    """One thing that waits for a person, and whom and which message it is about, where it is about one.

    Attributes:
        kind, about, since: as `Waiting` has them.
        number: generation and number of the message; of bytes that nobody signed, which have none, the place
            that comes next: they lie there, or behind it where messages wait.
        is_signed: whether it is about a message that somebody signed.
    """

    kind: str
    about: str
    since: datetime
    partner: str | None = None
    number: str | None = None
    is_signed: bool = True

    @property
    def words(self) -> str:
        """What it is about, for people."""
        if self.partner is None or self.number is None:
            return self.partner or self.about
        message = f"message {self.number} of {self.partner}"
        return message if self.is_signed else f"{message}, or one behind it"


@dataclass(frozen=True)
class PartnerStatus:
    """How far this node and one partner have come.

    Attributes:
        to_upload: messages that were never at the relay.
        held: those of them that may not leave now: a parcel without a grant in force, or with rows that were
            withdrawn since, and all behind it.
        unsettled: messages that the partner is not known to have settled; those to upload are among them.
        oldest: when the first of these was issued.
        expired, refused: messages that ran out unsettled, and those that the partner refused.
        to_admit: tables that came from it and were opened, and that are neither admitted nor refused.
        silent_since: when it was heard of last, if it owes an answer for longer than both agreed to.
    """

    partner: str
    state: PairingState
    frozen: bool
    to_upload: int
    held: int
    unsettled: int
    oldest: datetime | None
    expired: int
    refused: int
    to_admit: int
    heard: datetime | None
    silent_since: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**vars(self), "state": str(self.state)}


@dataclass(frozen=True)
class Status:
    """All of it; `lapsed` are adopted applications that may not be used any more."""

    partners: tuple[PartnerStatus, ...]
    waiting: tuple[WaitingFor, ...]
    expiring: tuple[Expiring, ...]
    lapsed: tuple[Lapsed, ...]

    @property
    def quiet(self) -> bool:
        """Whether nobody has to do anything."""
        return not (
            self.waiting or self.expiring or self.lapsed or any(map(_is_anybodys_affair, self.partners))
        )


NOTHING = Status((), (), (), ())
"""Of a home that never had a partner."""


def status(home: Path, connection: sqlite3.Connection, now: datetime) -> Status:
    """Look at everything; nothing is changed, and no key is opened.

    Raises:
        NotFoundError: the home has no keys.
    """
    every, tables = partners.every(connection), Tables(home)
    return Status(
        partners=tuple(_partner(tables, connection, partner, now) for partner in every),
        waiting=tuple(_known(connection, one) for one in waiting.open_ones(connection)),
        expiring=tuple(_expiring(home, every, now)),
        lapsed=tuple(adoptions.all_lapsed(connection, now)),
    )


def _known(connection: sqlite3.Connection, one: Waiting) -> WaitingFor:
    known = {partner.pairing: partner for partner in partners.every(connection)}
    row = inbox.by_digest(connection, one.about)
    partner = known.get(one.about if row is None else row.pairing)
    name = None if partner is None else partner.name
    if row is not None:
        return WaitingFor(one.kind, one.about, one.since, name, f"{row.generation}/{row.seq}")
    if partner is None or one.kind != "refused":
        return WaitingFor(one.kind, one.about, one.since, name)
    number = f"{partner.generation_in}/{partner.next_seq_in}"
    return WaitingFor(one.kind, one.about, one.since, name, number, is_signed=False)


def _partner(
    tables: Tables, connection: sqlite3.Connection, partner: Partner, now: datetime
) -> PartnerStatus:
    theirs = outbox.counts(connection, partner.pairing, now)
    to_upload = outbox.waiting_for_upload(connection, partner.pairing)
    return PartnerStatus(
        partner=partner.name,
        state=partner.state,
        frozen=partner.frozen is not None,
        to_upload=len(to_upload),
        held=len(to_upload) - len(until_held(tables, connection, to_upload, now)),
        unsettled=theirs.unsettled,
        oldest=theirs.oldest,
        expired=theirs.expired,
        refused=theirs.refused,
        to_admit=inbox.waiting_below(connection, partner.pairing, OPENED.as_posix()),
        heard=partner.heard,
        silent_since=_silent_since(partner, theirs.owed_since, now),
    )


def _is_anybodys_affair(one: PartnerStatus) -> bool:
    return bool(one.frozen or one.held or one.expired or one.refused or one.to_admit or one.silent_since)


def _silent_since(partner: Partner, owed_since: datetime | None, now: datetime) -> datetime | None:
    """Since when an active partner has said nothing although it owes an answer: two of its head intervals.

    Parcels alone are always answered. Who has been sent none, or has settled them all, may be quiet for ever:
    nothing comes at intervals yet that could be missed.

    Args:
        owed_since: since when a parcel without an answer is at the relay.
    """
    if partner.state is not PairingState.ACTIVE or partner.heard is None or owed_since is None:
        return None
    allowed = timedelta(seconds=2 * partners.agreed(partner).rules.head_interval)
    return partner.heard if now - max(owed_since, partner.heard) > allowed else None


def _expiring(home: Path, every: tuple[Partner, ...], now: datetime) -> Iterator[Expiring]:
    yield from _ending(keyring_of(home).keyset(), "", now)
    for partner in every:
        if partner.state is not PairingState.ENDED and partner.keyset is not None:
            yield from _ending(their_keys.their_keyset(partner), partner.name, now)


def _ending(keyset: Keyset, whose: str, now: datetime) -> Iterator[Expiring]:
    """The last key of each use and algorithm, where it ends soon: older ones beside it end as they should."""
    last: dict[tuple[str, str], datetime] = {}
    for key in keyset.keys:
        if key.use != COSIGN and key.kid not in keyset.compromised:
            kind = (key.use, key.key.alg)
            last[kind] = max(key.not_after, last.get(kind, key.not_after))
    for (use, alg), until in sorted(last.items()):
        if until - now < SOON:
            yield Expiring(whose, use, alg, until)
