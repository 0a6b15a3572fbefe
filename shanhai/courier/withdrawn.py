"""Rows that were taken out of their table since they were released: asked of its commits, the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shanhai.errors import StoreError
from shanhai.ingest.books import lines_of, net
from shanhai.warehouse.log import Log, last_commit
from shanhai.warehouse.sources import table_in

_STANDS = "accepted"


class Tables:
    """The tables of a home as they are: each is read once, when it is first asked for.

    For one question: what is committed after that, it does not know.

    Args:
        unread_stands: what is taken of a table that cannot be read now: that all of it stands. Else nothing
            of it does, and waits.
    """

    def __init__(self, home: Path, *, unread_stands: bool = False) -> None:
        self._home = home
        self._unread_stands = unread_stands
        self._verdicts: dict[str, Mapping[str, str] | None] = {}

    def lack(self, deliveries: Iterable[Mapping[str, Any]]) -> bool:
        """Whether one of the deliveries was withdrawn, or is judged otherwise, by now.

        Args:
            deliveries: their lines of the ledger, as a release keeps them of what it was made of.
        """
        return not all(map(self._stands, deliveries))

    def _stands(self, line: Mapping[str, Any]) -> bool:
        table = f"{line['district']}.{line['dataset']}"
        if table not in self._verdicts:
            self._verdicts[table] = _verdicts(table_in(self._home, table))
        known = self._verdicts[table]
        if known is None:
            return self._unread_stands
        return known.get(f"{table}/{line['partition']}/{line['snapshot_sha256']}") == _STANDS


def _verdicts(table: Path) -> Mapping[str, str] | None:
    """By the entries of the commits alone: whoever ships needs neither rows nor what reads them."""
    try:
        booked = net(lines_of(Log(table).commits(last_commit(table))))
    except (StoreError, ValueError):
        return None
    return {delivery: one.verdict for delivery, one in booked.items()}
