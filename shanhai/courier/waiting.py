"""What waits for a person: each once, until somebody has done it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.strict import read_moment, write_moment

Kind = Literal[
    "confirm",
    "fork",
    "generation",
    "approve",
    "adopt",
    "refused",
    "contract",
    "release",
    "missing",
    "clock",
    "relay",
]
"""A number to be compared, messages that contradict, a new generation of a partner, a release to be approved,
an application to be adopted, a message that only a person can mend, data that no contract takes, a release
that a grant names and that cannot be made, a message that should have come before others, one that was issued
in our future, a relay that shows something else where a message was, or is to be."""


@dataclass(frozen=True)
class Waiting:
    """One thing that waits; `about` is the id of a pairing, or what else the kind is about."""

    kind: str
    about: str
    since: datetime


def waits(connection: sqlite3.Connection, kind: Kind, about: str, since: datetime) -> bool:
    """Let something wait for a person; False: it waits already, and goes on waiting since then."""
    changed = connection.execute(
        "INSERT INTO waiting (kind, about, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (kind, about, write_moment(since)),
    )
    return changed.rowcount > 0


def done(connection: sqlite3.Connection, kind: Kind, about: str, *, who: str, at: datetime) -> bool:
    """Note that a person has done it; False: nothing of the kind waited."""
    changed = connection.execute(
        "UPDATE waiting SET done = ?, who = ? WHERE kind = ? AND about = ? AND done IS NULL",
        (write_moment(at), who, kind, about),
    )
    return changed.rowcount > 0


def open_ones(connection: sqlite3.Connection) -> tuple[Waiting, ...]:
    """What waits now, the oldest first; of a pairing that ended nobody can adopt an application any more."""
    rows = connection.execute(
        "SELECT kind, about, since FROM waiting WHERE done IS NULL AND NOT (kind = 'adopt' AND about IN"
        " (SELECT digest FROM inbox JOIN partner USING (pairing) WHERE partner.state = ?))"
        " ORDER BY since, id",
        (PairingState.ENDED.value,),
    ).fetchall()
    return tuple(Waiting(kind, about, read_moment(since)) for kind, about, since in rows)
