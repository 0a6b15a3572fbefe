"""The messages that came from partners, as this node keeps them: each once, by digest and by number."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shanhai.courier.arrived import Arrived, Came, Contents, InboxState
from shanhai.errors import BusyError
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.strict import read_moment, write_moment

_COLUMNS = ", ".join(one.name for one in fields(Arrived))


def by_digest(connection: sqlite3.Connection, digest: str) -> Arrived | None:
    """The message of that digest."""
    return next(iter(_select(connection, "digest = ?", digest)), None)


def beginning(connection: sqlite3.Connection, digits: str) -> tuple[Arrived, ...]:
    """The messages whose digest begins so."""
    return _select(connection, "substr(digest, 1, ?) = ?", len(digits), digits)


def every(connection: sqlite3.Connection, pairing: str | None = None) -> tuple[Arrived, ...]:
    """All messages, or those of one pairing, in the order of their numbers."""
    if pairing is None:
        return _select(connection, "true")
    return _select(connection, "pairing = ?", pairing)


def in_state(connection: sqlite3.Connection, pairing: str, state: InboxState) -> tuple[Arrived, ...]:
    """The messages of a pairing that got so far and no further."""
    return _select(connection, "pairing = ? AND state = ?", pairing, state)


def unadmitted(connection: sqlite3.Connection, pairing: str) -> tuple[Arrived, ...]:
    """Opened parcels that wait, and those that our own contract refused: a person may let them in yet."""
    return _select(
        connection,
        "pairing = ? AND opened_file IS NOT NULL AND (state = ? OR stage = ?)",
        pairing,
        InboxState.OPENED.value,
        Stage.ADMIT.value,
    )


def waiting_below(connection: sqlite3.Connection, pairing: str, folder: str) -> int:
    """How many opened parcels wait whose file lies below a folder of the home; none is read."""
    (count,) = connection.execute(
        "SELECT count(*) FROM inbox WHERE pairing = ? AND state = ? AND substr(opened_file, 1, ?) = ?",
        (pairing, InboxState.OPENED.value, len(folder) + 1, f"{folder}/"),
    ).fetchone()
    return int(count)


def of_file(connection: sqlite3.Connection, file: str) -> Arrived | None:
    """The message whose parcel was opened into a file of the home."""
    return next(iter(_select(connection, "opened_file = ?", file)), None)


def first_received(connection: sqlite3.Connection, subject: str) -> datetime | None:
    """When the first parcel of a subject came; None before it."""
    (first,) = connection.execute("SELECT min(received) FROM inbox WHERE subject = ?", (subject,)).fetchone()
    return None if first is None else read_moment(first)


def at_place(connection: sqlite3.Connection, pairing: str, generation: int, seq: int) -> tuple[Arrived, ...]:
    """What came under one number; more than one only where a person let a fork be."""
    return _select(connection, "pairing = ? AND generation = ? AND seq = ?", pairing, generation, seq)


class Known(Mapping[tuple[int, int], str]):
    """Digest by (generation, seq) of every settled message of a pairing, for `Position`.

    Only the number that is asked for is read: a message costs no more where many came before it.
    """

    def __init__(self, connection: sqlite3.Connection, pairing: str) -> None:
        self._connection = connection
        self._pairing = pairing

    def __getitem__(self, number: tuple[int, int]) -> str:
        for row in at_place(self._connection, self._pairing, *number):
            if row.settled:
                return row.digest
        raise KeyError(number)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter({(row.generation, row.seq): None for row in self._settled()})

    def __len__(self) -> int:
        return len({(row.generation, row.seq) for row in self._settled()})

    def _settled(self) -> list[Arrived]:
        return [row for row in every(self._connection, self._pairing) if row.settled]


def waiting_for_a_voucher(connection: sqlite3.Connection, pairing: str) -> tuple[Arrived, ...]:
    """The messages of a pairing that take no number before another message names them."""
    refused_there = _select(
        connection,
        "pairing = ? AND state = ? AND stage = ?",
        pairing,
        InboxState.REFUSED.value,
        Stage.ORDER.value,
    )
    return tuple(row for row in refused_there if row.waits_for_a_voucher)


def unsettled(connection: sqlite3.Connection, pairing: str) -> tuple[Arrived, ...]:
    """The messages of a pairing that are kept and may yet be opened: cut off, or refused until they pass."""
    found = _select(
        connection,
        "pairing = ? AND state IN (?, ?)",
        pairing,
        InboxState.OPENING.value,
        InboxState.REFUSED.value,
    )
    return tuple(row for row in found if not row.settled)


def opened_last_first(connection: sqlite3.Connection, pairing: str, generation: int) -> Iterator[bytes]:
    """The envelopes of the messages of a generation that are settled and were opened, the newest first."""
    found = connection.execute(
        "SELECT envelope FROM inbox WHERE pairing = ? AND generation = ? AND body IS NOT NULL"
        " ORDER BY seq DESC",
        (pairing, generation),
    )
    return (envelope for (envelope,) in found)


def begin(connection: sqlite3.Connection, came: Came) -> bool:
    """Note that a verified message is about to be opened.

    Returns:
        Whether that is new; False: it was begun before, and cut off.

    Raises:
        BusyError: it is settled meanwhile.
    """
    before = by_digest(connection, came.seen.digest)
    if before is not None and before.state is InboxState.OPENING:
        return False
    _put(connection, before, came.row(InboxState.OPENING))
    return True


def taken(connection: sqlite3.Connection, digest: str, *, kind: str, body: bytes) -> None:
    """Note that a message that is no parcel is done.

    Raises:
        BusyError: it was not being opened any more.
    """
    _move(connection, digest, InboxState.OPENING, state=InboxState.TAKEN, type=kind, body=body)


def opened(connection: sqlite3.Connection, digest: str, contents: Contents, *, body: bytes) -> None:
    """Note what a parcel holds, whose contents hold.

    Raises:
        BusyError: it was not being opened any more.
    """
    _move(
        connection,
        digest,
        InboxState.OPENING,
        state=InboxState.OPENED,
        type="parcel",
        subject=contents.subject,
        version=contents.version,
        opened_file=contents.file,
        opened_sha256=contents.sha256,
        executable=contents.executable,
        body=body,
    )


def admitted(connection: sqlite3.Connection, row: Arrived, *, delivery: str | None) -> None:
    """Note which delivery an opened parcel became; None: of an application, which a person adopted.

    Raises:
        BusyError: somebody else noted something meanwhile.
    """
    _move(
        connection,
        row.digest,
        row.state,
        state=InboxState.ADMITTED,
        delivery=delivery,
        code=None,
        stage=None,
    )


def not_admitted(connection: sqlite3.Connection, row: Arrived, refusal: Refused, *, delivery: str) -> None:
    """Note that our own contract refused what an opened parcel became.

    Raises:
        BusyError: somebody else noted something meanwhile.
    """
    _move(
        connection,
        row.digest,
        row.state,
        state=InboxState.REFUSED,
        delivery=delivery,
        code=refusal.code,
        stage=refusal.stage,
    )


def refused(connection: sqlite3.Connection, refusal: Refused, came: Came) -> bool:
    """Note a refusal of a message whose signatures hold; the moment of its receipt stays the first.

    Returns:
        Whether that is new; False: it was refused for the same reason before.

    Raises:
        BusyError: it is settled otherwise meanwhile.
    """
    before = by_digest(connection, came.seen.digest)
    same = (InboxState.REFUSED, refusal.code, refusal.stage)
    if before is not None and (before.state, before.code, before.stage) == same:
        return False
    _put(connection, before, came.row(*same))
    return True


def _put(connection: sqlite3.Connection, before: Arrived | None, row: Arrived) -> None:
    """Write a row in the place of the one before, whose moment of receipt stays.

    Raises:
        BusyError: the message is settled meanwhile.
    """
    if before is None:
        _write(connection, row)
    elif before.settled:
        raise BusyError("somebody else receives at the same time", hint="run it again")
    else:
        _write(connection, replace(row, received=before.received))


def _write(connection: sqlite3.Connection, row: Arrived) -> None:
    values = [_stored(getattr(row, one.name)) for one in fields(Arrived)]
    places = ", ".join("?" for _ in values)
    connection.execute(f"INSERT OR REPLACE INTO inbox ({_COLUMNS}) VALUES ({places})", values)


def _move(
    connection: sqlite3.Connection, digest: str, before: InboxState, **changes: str | bytes | None
) -> None:
    setting = ", ".join(f"{name} = ?" for name in changes)
    changed = connection.execute(
        f"UPDATE inbox SET {setting} WHERE digest = ? AND state = ?",
        (*map(_stored, changes.values()), digest, before.value),
    )
    if changed.rowcount != 1:
        raise BusyError("somebody else receives at the same time", hint="run it again")


def _select(connection: sqlite3.Connection, condition: str, *values: str | int | None) -> tuple[Arrived, ...]:
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM inbox WHERE {condition} ORDER BY pairing, generation, seq, digest", values
    )
    return tuple(map(_read, found))


def _read(row: tuple[Any, ...]) -> Arrived:
    named = dict(zip((one.name for one in fields(Arrived)), row, strict=True))
    return Arrived(
        **{**named, "received": read_moment(named["received"]), "state": InboxState(named["state"])}
    )


def _stored(value: object) -> Any:
    match value:
        case datetime():
            return write_moment(value)
        case StrEnum():
            return value.value
        case _:
            return value
