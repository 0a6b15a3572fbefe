"""Tell people what waits for them: each once, however often it is looked at."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from shanhai.courier import waiting
from shanhai.courier.waiting import Waiting
from shanhai.errors import BusyError
from shanhai.exchange.strict import write_moment
from shanhai.notify import notify
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors
from shanhai.storage.held import held

_TOLD = Path("notified", "exchange")
_LOCK = Path("notified", "exchange.lock")
_PATIENCE_SECONDS = 30.0


def tell_waiting(settings: Settings, connection: sqlite3.Connection, node: str) -> tuple[Waiting, ...]:
    """Tell what waits and was not told before; gives what was told now.

    What nobody could be told is told again the next time, and so is what waits anew after it was done. Of two
    that tell at once the second waits; after half a minute it leaves it to whoever looks next.

    Args:
        node: its name, for whoever looks after several.

    Raises:
        StoreError: the home cannot be written.
    """
    busy = BusyError("somebody else tells what waits", given=settings.home)
    try:
        with held(settings.home / _LOCK, busy, patience=_PATIENCE_SECONDS):
            return _tell_new(settings, connection, node)
    except BusyError:
        return ()


def _tell_new(settings: Settings, connection: sqlite3.Connection, node: str) -> tuple[Waiting, ...]:
    folder = settings.home / _TOLD
    found = {_mark(one): one for one in waiting.open_ones(connection)}
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = {file.name for file in folder.iterdir()}
        for gone in known - found.keys():
            (folder / gone).unlink(missing_ok=True)
        new = {mark: one for mark, one in found.items() if mark not in known}
        told = {mark: one for mark, one in new.items() if _tell(settings, node, one)}
        for mark in told:
            (folder / mark).touch(mode=0o600)
    return tuple(told.values())


def _tell(settings: Settings, node: str, one: Waiting) -> bool:
    since = write_moment(one.since)
    return notify(settings, "waiting", node=node, kind=one.kind, about=one.about, since=since)


def _mark(one: Waiting) -> str:
    told = f"{one.kind} {one.about} {write_moment(one.since)}"
    return hashlib.sha256(told.encode()).hexdigest()
