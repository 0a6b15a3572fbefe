"""The grants that this node gave and received, every revision of them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shanhai.errors import DataError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.grants import Grant, HeldGrant, read_grant, widened, write_grant
from shanhai.exchange.strict import canonical, parse, read_moment, write_moment
from shanhai.exchange.subjects import Subject

Direction = Literal["given", "received"]
GIVEN: Direction = "given"
RECEIVED: Direction = "received"

_NEWEST = """
    SELECT direction, grant_.pairing, body, at, message, partner.node, partner.state <> 'ended'
    FROM grant_ JOIN partner USING (pairing)
    WHERE rev = (
        SELECT max(rev) FROM grant_ AS newer WHERE newer.direction = grant_.direction AND newer.id = grant_.id
    )
"""


@dataclass(frozen=True)
class KeptGrant:
    """One revision as it is kept.

    Attributes:
        direction: given or received.
        pairing: under which it was told.
        grant: what it says.
        at: when it was given, or received.
        message: digest of the message that told it; empty: it could not be told yet.
        partner: node id of the other side.
        standing: whether the pairing has not ended; a grant ends with it.
    """

    direction: str
    pairing: str
    grant: Grant
    at: datetime
    message: str
    partner: str
    standing: bool


def digest_of(grant: Grant) -> str:
    """SHA-256 of a revision as it is kept, in hex: what the events of it commit to."""
    return hashlib.sha256(canonical(write_grant(grant))).hexdigest()


def is_in_force(grant: Grant, now: datetime) -> bool:
    """Whether something may be released under a grant now."""
    return not grant.revoked and grant.valid_from <= now < grant.until


def keep(
    connection: sqlite3.Connection,
    direction: Direction,
    pairing: str,
    grant: Grant,
    *,
    at: datetime,
    message: str,
) -> None:
    """Keep a revision; one that is known already changes nothing.

    Args:
        message: digest of the message that tells it; empty where none could be said.
    """
    connection.execute(
        "INSERT INTO grant_ (id, rev, pairing, direction, body, revoked, at, message) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            grant.id,
            grant.rev,
            pairing,
            direction,
            canonical(write_grant(grant)),
            int(grant.revoked),
            write_moment(at),
            message,
        ),
    )


def told_by(connection: sqlite3.Connection, before: str, after: str) -> None:
    """Note that another message tells what one was to tell that was taken back."""
    connection.execute("UPDATE grant_ SET message = ? WHERE message = ?", (after, before))


def untell(connection: sqlite3.Connection, message: str) -> None:
    """Note that what a message was to tell was not believed: untold, so it is told once keys allow it."""
    connection.execute("UPDATE grant_ SET message = '' WHERE direction = ? AND message = ?", (GIVEN, message))


def untold(connection: sqlite3.Connection, pairing: str) -> tuple[Grant, ...]:
    """What was given under a pairing, could not be told, and may be: of a frozen one revocations alone."""
    statement = (
        f"{_NEWEST} AND grant_.pairing = ? AND message = '' AND (revoked OR partner.frozen IS NULL) "
        "ORDER BY at, id"
    )
    return tuple(one.grant for one in _select(connection, statement, pairing))


def narrows(connection: sqlite3.Connection, grant: Grant) -> bool:
    """Whether a grant of ours is a revision that takes back something which the one before it allowed."""
    before = revision(connection, GIVEN, grant.id, grant.rev - 1)
    return before is not None and bool(widened(grant, before))


def told_in(connection: sqlite3.Connection, message: str) -> Grant | None:
    """The revision of ours that a message tells; None: it tells none, or a newer message does."""
    row = connection.execute(
        "SELECT body FROM grant_ WHERE direction = ? AND message = ?", (GIVEN, message)
    ).fetchone()
    return None if row is None else _grant(row[0])


def told(connection: sqlite3.Connection, grant: Grant, message: str) -> None:
    """Note which message tells a revision of ours."""
    connection.execute(
        "UPDATE grant_ SET message = ? WHERE direction = ? AND id = ? AND rev = ?",
        (message, GIVEN, grant.id, grant.rev),
    )


def every(connection: sqlite3.Connection) -> tuple[KeptGrant, ...]:
    """The newest revision of each grant, in the order in which they came."""
    return _select(connection, f"{_NEWEST} ORDER BY at, id")


def newest(connection: sqlite3.Connection, direction: Direction, grant_id: str) -> Grant | None:
    """The newest revision of one grant."""
    found = _select(connection, f"{_NEWEST} AND direction = ? AND id = ?", direction, grant_id)
    return found[0].grant if found else None


def revision(connection: sqlite3.Connection, direction: Direction, grant_id: str, rev: int) -> Grant | None:
    """One revision of one grant, as it was when something was sent or accepted under it."""
    row = connection.execute(
        "SELECT body FROM grant_ WHERE direction = ? AND id = ? AND rev = ?", (direction, grant_id, rev)
    ).fetchone()
    return None if row is None else _grant(row[0])


def given(connection: sqlite3.Connection, pairing: str, subject: Subject | None = None) -> tuple[Grant, ...]:
    """The newest revisions that were given under a pairing, revoked ones too; None: of every subject."""
    found = _select(
        connection, f"{_NEWEST} AND direction = ? AND pairing = ? ORDER BY at, id", GIVEN, pairing
    )
    return tuple(one.grant for one in found if subject in (None, one.grant.subject))


def others(connection: sqlite3.Connection, subject: Subject, grant_id: str) -> tuple[Grant, ...]:
    """The newest revisions of all other grants of a subject that this node gave, whose pairing stands."""
    return tuple(
        one.grant
        for one in every(connection)
        if one.direction == GIVEN and one.standing
        if one.grant.subject == subject and one.grant.id != grant_id
    )


def received(connection: sqlite3.Connection, pairing: str) -> Mapping[str, HeldGrant]:
    """The newest revisions that came under a pairing, by id."""
    found = _select(connection, f"{_NEWEST} AND direction = ? AND pairing = ?", RECEIVED, pairing)
    return {one.grant.id: HeldGrant(one.partner, one.grant) for one in found}


class HeldGrants(Mapping[str, HeldGrant]):
    """By id, what is held against a message that comes: what was received and stands, and what we gave.

    Ours are among them, so that a partner that sends one back as its own is refused. Only the grant that is
    asked for is read: a message costs no more where many partners gave many, and depends on none of them.

    Args:
        me: id of this node.
    """

    def __init__(self, connection: sqlite3.Connection, me: str) -> None:
        self._connection = connection
        self._me = me

    def __getitem__(self, grant_id: str) -> HeldGrant:
        given = newest(self._connection, GIVEN, grant_id)
        if given is not None:
            return HeldGrant(self._me, given)
        statement = f"{_NEWEST} AND direction = ? AND id = ?"
        for one in _select(self._connection, statement, RECEIVED, grant_id):
            if one.standing:
                return HeldGrant(one.partner, one.grant)
        raise KeyError(grant_id)

    def __iter__(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT DISTINCT id FROM grant_ JOIN partner USING (pairing) "
            "WHERE direction = ? OR partner.state <> 'ended'",
            (GIVEN,),
        ).fetchall()
        return (grant_id for (grant_id,) in rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _select(connection: sqlite3.Connection, statement: str, *values: str) -> tuple[KeptGrant, ...]:
    rows = connection.execute(statement, values).fetchall()
    return tuple(
        KeptGrant(direction, pairing, _grant(body), read_moment(at), message, node, bool(stands))
        for direction, pairing, body, at, message, node, stands in rows
    )


def _grant(body: bytes) -> Grant:
    """A revision as it was kept.

    Raises:
        DataError: the row is damaged. Not what reading it raises: that would judge the message in hand.
    """
    try:
        return read_grant(parse(body, most_bytes=len(body), stage=Stage.UNWRAP))
    except Refused as error:
        raise DataError(
            "a grant that this node keeps cannot be read",
            given=error.code,
            hint="restore the state of the exchange from a copy",
        ) from error
