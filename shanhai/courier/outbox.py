"""The messages of this node to others: the bytes that were signed, and what became of each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shanhai.courier import partners
from shanhai.exchange.order import Acknowledged, Sent
from shanhai.exchange.receipts import ADMITTED, REFUSED
from shanhai.exchange.strict import read_moment, write_moment

_COLUMNS = (
    "digest, pairing, generation, seq, type, set_id, envelope, issued, not_after, begun, uploaded, settled,"
    " outcome, code"
)
_FINAL = (ADMITTED, REFUSED)
_MAY_BE_ADMITTED = "contract-not-met"


@dataclass(frozen=True)
class Outgoing:
    """One message of ours.

    Attributes:
        digest: of its payload.
        type: of its body.
        set_id: the set that it carries keys for.
        envelope: the bytes that were signed, and the only ones that are ever uploaded.
        not_after: until before when it may be received first; None: it carries no set, and has no end.
        begun: when its first upload began, noted before a byte left: from then on somebody may have seen it.
        uploaded: when they were last put at the relay, where they are still there as far as is known.
        settled: when the partner was first known to have settled it.
        outcome, code: what its receipt says.
    """

    digest: str
    pairing: str
    generation: int
    seq: int
    type: str
    set_id: str | None
    envelope: bytes = field(repr=False)
    issued: datetime
    not_after: datetime | None
    begun: datetime | None = None
    uploaded: datetime | None = None
    settled: datetime | None = None
    outcome: str | None = None
    code: str | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether the partner refuses it by now, with its files or without, and takes the next one."""
        return self.not_after is not None and self.not_after <= now


@dataclass(frozen=True)
class Counts:
    """How far the messages to one partner have come, counted without reading one.

    Attributes:
        unsettled: those that the partner is not known to have settled.
        oldest: when the first of these was issued.
        owed_since: since when the first parcel of these is at the relay.
        expired, refused: those that ran out unsettled, and those that the partner refused.
    """

    unsettled: int
    oldest: datetime | None
    owed_since: datetime | None
    expired: int
    refused: int


def add(connection: sqlite3.Connection, outgoing: Outgoing, content: bytes | None) -> None:
    """Keep a new message, within the transaction that numbers it.

    Args:
        content: what it says, by which it can be said again under another number; None of a parcel.
    """
    connection.execute(
        "INSERT INTO outbox (digest, pairing, generation, seq, type, set_id, envelope, issued, not_after,"
        " content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            outgoing.digest,
            outgoing.pairing,
            outgoing.generation,
            outgoing.seq,
            outgoing.type,
            outgoing.set_id,
            outgoing.envelope,
            write_moment(outgoing.issued),
            None if outgoing.not_after is None else write_moment(outgoing.not_after),
            content,
        ),
    )


def by_digest(connection: sqlite3.Connection, digest: str) -> Outgoing | None:
    """The message of that digest."""
    return next(iter(_select(connection, "digest = ?", digest)), None)


def of_pairing(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """Every message to a partner, in order."""
    return _select(connection, "pairing = ?", pairing)


def waiting_for_upload(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """The messages that were never put at the relay, in order."""
    return _select(connection, "pairing = ? AND uploaded IS NULL AND settled IS NULL", pairing)


def unacknowledged(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """The messages that the partner is not known to have settled, in order."""
    return _select(connection, "pairing = ? AND settled IS NULL", pairing)


def unbegun(connection: sqlite3.Connection, pairing: str) -> tuple[Outgoing, ...]:
    """The messages behind the last of which anybody may have seen a byte, in order."""
    seen = "SELECT max(seq) FROM outbox WHERE pairing = ?1 AND generation = ?2 AND {}"
    seen = seen.format("(begun IS NOT NULL OR settled IS NOT NULL)")
    generation = str(partners.of_pairing(connection, pairing).generation_out)
    condition = f"pairing = ?1 AND generation = ?2 AND seq > coalesce(({seen}), -1)"
    return _select(connection, condition, pairing, generation)


def counts(connection: sqlite3.Connection, pairing: str, now: datetime) -> Counts:
    """How far the messages to a partner have come."""
    unsettled, oldest, owed_since, expired, refused = connection.execute(
        "SELECT count(*) FILTER (WHERE settled IS NULL), min(issued) FILTER (WHERE settled IS NULL),"
        " min(uploaded) FILTER (WHERE settled IS NULL AND type = 'parcel'),"
        " count(*) FILTER (WHERE settled IS NULL AND not_after <= ?), count(*) FILTER (WHERE outcome = ?)"
        " FROM outbox WHERE pairing = ?",
        (write_moment(now), REFUSED, pairing),
    ).fetchone()
    return Counts(unsettled, _moment(oldest), _moment(owed_since), expired, refused)


def content(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """What a message says that has not begun to leave; None of a parcel."""
    row = connection.execute("SELECT content FROM outbox WHERE digest = ?", (digest,)).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def forget(connection: sqlite3.Connection, messages: Sequence[Outgoing]) -> None:
    """Forget the last messages to a partner, none of which has begun to leave: their numbers are free."""
    first = messages[0]
    connection.executemany(
        "DELETE FROM outbox WHERE digest = ? AND begun IS NULL", [(one.digest,) for one in messages]
    )
    before = _select(
        connection,
        "pairing = ? AND generation = ? AND seq = ?",
        first.pairing,
        str(first.generation),
        str(first.seq - 1),
    )
    partners.sent(
        connection,
        first.pairing,
        generation=first.generation,
        seq=first.seq - 1,
        digest=before[0].digest if before else None,
    )


def begin(connection: sqlite3.Connection, digest: str, *, at: datetime) -> None:
    """Note, in a transaction of its own, that the upload of a message begins."""
    connection.execute(
        "UPDATE outbox SET begun = coalesce(begun, ?), content = NULL WHERE digest = ?",
        (write_moment(at), digest),
    )


def of_set(connection: sqlite3.Connection, set_id: str) -> tuple[Outgoing, ...]:
    """The messages that carry keys for a set."""
    return _select(connection, "set_id = ?", set_id)


def sent_to(connection: sqlite3.Connection, pairing: str) -> Sent:
    """What was sent to a partner, by which its acknowledgements and receipts are judged."""
    found = connection.execute("SELECT generation, seq, digest FROM outbox WHERE pairing = ?", (pairing,))
    digests = {(generation, seq): digest for generation, seq, digest in found}
    return Sent(digests, partners.of_pairing(connection, pairing).acknowledged)


def uploaded(connection: sqlite3.Connection, digest: str, *, at: datetime) -> None:
    """Note that the bytes of a message are at the relay."""
    begin(connection, digest, at=at)
    connection.execute("UPDATE outbox SET uploaded = ? WHERE digest = ?", (write_moment(at), digest))


def settled(
    connection: sqlite3.Connection, digest: str, *, outcome: str, code: str | None, at: datetime
) -> None:
    """Note what a receipt says; what comes after admitted or refused changes nothing.

    But where the partner's own contract refused the data, a person there may let them in later.
    """
    connection.execute(
        "UPDATE outbox SET settled = coalesce(settled, ?), outcome = ?, code = ? WHERE digest = ? "
        "AND (outcome IS NULL OR outcome NOT IN (?, ?) OR (? = ? AND code = ?))",
        (write_moment(at), outcome, code, digest, *_FINAL, outcome, ADMITTED, _MAY_BE_ADMITTED),
    )


def acknowledged(connection: sqlite3.Connection, pairing: str, ack: Acknowledged, *, at: datetime) -> None:
    """Note up to which message the partner has settled ours; what became of each, receipts tell."""
    connection.execute(
        "UPDATE outbox SET settled = ? WHERE pairing = ? AND settled IS NULL AND (generation, seq) <= (?, ?)",
        (write_moment(at), pairing, ack.generation, ack.seq),
    )


def _select(connection: sqlite3.Connection, condition: str, *values: str) -> tuple[Outgoing, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE {condition} ORDER BY pairing, generation, seq", values
    )
    return tuple(map(_read, rows))


def _read(row: tuple[Any, ...]) -> Outgoing:
    digest, pairing, generation, seq, kind, set_id, envelope, issued, *moments, outcome, code = row
    not_after, begun, uploaded_at, settled_at = map(_moment, moments)
    return Outgoing(
        digest=digest,
        pairing=pairing,
        generation=generation,
        seq=seq,
        type=kind,
        set_id=set_id,
        envelope=envelope,
        issued=read_moment(issued),
        not_after=not_after,
        begun=begun,
        uploaded=uploaded_at,
        settled=settled_at,
        outcome=outcome,
        code=code,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else read_moment(text)
