"""Messages that contradict what came before them: kept, until a person decides and ever after."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, fields
from datetime import datetime

from shanhai.exchange.strict import read_moment, write_moment


@dataclass(frozen=True)
class Fork:
    """Bytes that contradict what came before them: in the same place, or in an acknowledgement."""

    digest: str
    pairing: str
    generation: int
    seq: int
    envelope: bytes = field(repr=False)
    at: datetime


_COLUMNS = ", ".join(one.name for one in fields(Fork))


def keep(connection: sqlite3.Connection, fork: Fork) -> bool:
    """Keep the bytes that came second. Returns whether they are new."""
    added = connection.execute(
        f"INSERT INTO fork ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (fork.digest, fork.pairing, fork.generation, fork.seq, fork.envelope, write_moment(fork.at)),
    )
    return added.rowcount == 1


def of_pairing(connection: sqlite3.Connection, pairing: str) -> tuple[Fork, ...]:
    """Every contradiction of a pairing, in the order in which they came."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM fork WHERE pairing = ? ORDER BY at, digest", (pairing,)
    )
    return tuple(
        Fork(digest, pairing, generation, seq, envelope, read_moment(at))
        for digest, _, generation, seq, envelope, at in rows
    )
