"""What became of each message of ours: at the relay, settled, loaded or refused, or nobody knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shanhai.courier import outbox, partners, releases
from shanhai.courier.outbox import Outgoing
from shanhai.courier.releases import Release
from shanhai.exchange.receipts import ADMITTED, REFUSED

Standing = Literal["waiting", "shipped", "settled", "received", "admitted", "refused", "expired"]
"""Not at the relay yet; there, and nothing heard; settled by the partner, who said no more; opened; loaded;
refused; not settled before it expired."""


@dataclass(frozen=True)
class Sent:
    """One message of ours with what is known of it; `release` of a parcel."""

    partner: str
    message: Outgoing
    release: Release | None
    standing: Standing

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, without the bytes of the message."""
        one, release = self.message, self.release
        return {
            "partner": self.partner,
            "generation": one.generation,
            "seq": one.seq,
            "type": one.type,
            "subject": release.subject.name if release else None,
            "version": release.version if release else None,
            "standing": self.standing,
            "code": one.code,
            "issued": one.issued,
            "uploaded": one.uploaded,
            "settled": one.settled,
            "not_after": one.not_after,
            "message": one.digest,
            "set": one.set_id,
            "bytes": len(one.envelope),
        }


def sent(connection: sqlite3.Connection, now: datetime, name: str | None = None) -> tuple[Sent, ...]:
    """Every message of ours, by partner and in order; those to one partner, or to all.

    Raises:
        NotFoundError: there is no such partner.
    """
    if name is not None:
        partners.named(connection, name)
    return tuple(_sent(connection, now, name))


def is_done(message: Outgoing) -> bool:
    """Whether nothing more can come of a message: of a parcel that it was loaded or refused."""
    if message.type == "parcel":
        return message.outcome in (ADMITTED, REFUSED)
    return message.settled is not None


def _sent(connection: sqlite3.Connection, now: datetime, name: str | None) -> Iterator[Sent]:
    by_message = {one.message: one for one in releases.every(connection)}
    for partner in partners.every(connection):
        if name in (None, partner.name):
            for message in outbox.of_pairing(connection, partner.pairing):
                yield Sent(partner.name, message, by_message.get(message.digest), _standing(message, now))


def _standing(message: Outgoing, now: datetime) -> Standing:
    match message.outcome:
        case "admitted":
            return "admitted"
        case "refused":
            return "refused"
        case "received":
            return "received"
    if message.settled is not None:
        return "settled"
    if message.is_expired(now):
        return "expired"
    return "waiting" if message.uploaded is None else "shipped"
