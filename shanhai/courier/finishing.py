"""End what an earlier run of receiving had decided; it takes no key, and asks nobody."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from shanhai.courier import inbox, incoming
from shanhai.courier.arrived import InboxState
from shanhai.errors import BusyError


def finish(home: Path, connection: sqlite3.Connection, pairing: str) -> None:
    """Move what was opened to its place, and remove what is left of a run that died.

    Only while the caller alone receives from the partner.

    Raises:
        StoreError: the home cannot be written.
    """
    for row in inbox.in_state(connection, pairing, InboxState.OPENED):
        incoming.publish(home, row)
    under_way = inbox.in_state(connection, pairing, InboxState.OPENING)
    incoming.sweep(home, pairing, {row.digest for row in under_way})


def finish_unless_busy(home: Path, connection: sqlite3.Connection, pairing: str) -> None:
    """The same, unless somebody receives from the partner just now: who does has done it.

    Raises:
        StoreError: the home cannot be written.
    """
    with contextlib.suppress(BusyError), incoming.one_at_a_time(home, pairing):
        finish(home, connection, pairing)
