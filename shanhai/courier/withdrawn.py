"""Rows that were taken out of their table since they were released: asked of its commits, the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from shanhai.errors import DamagedError, StoreError
from shanhai.ingest.books import NOTES, Entry
from shanhai.warehouse.log import Log, commit_file, last_commit
from shanhai.warehouse.sources import table_in

_STANDS = "accepted"

_Line = tuple[int, bool, Entry]
"""The version of a commit, whether it added files to the table, and what it says of a delivery."""


class Tables:
    """The tables of a home as they are whenever somebody asks; each commit is read once.

    So whoever asks before a transaction, and once more within it, holds others up for what was committed
    in between alone.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._books: dict[str, _Books] = {}

    def lack(
        self,
        deliveries: Iterable[Mapping[str, Any]],
        versions: Mapping[str, int],
        *,
        unread_stands: bool = False,
    ) -> bool:
        """Whether rows that were in the tables then were taken out since: withdrawn, or judged otherwise.

        Rows that lost to newer ones were not: that is what a version is of. Nor is it asked whether as many
        rows are left, since a replay exchanges some for others.

        Args:
            deliveries: their lines of the ledger, as a release keeps them of what it was made of.
            versions: of each table, then.
            unread_stands: what is taken of a table that cannot be read now: that all of it stands. Else
                nothing of it does, and waits.
        """
        lines = list(deliveries)
        names = [f"{line['district']}.{line['dataset']}" for line in lines]
        books = {name: self._read(name) for name in set(names)}
        return not all(
            unread_stands if known is None else known.stand(_delivery(name, line), versions[name])
            for name, line in zip(names, lines, strict=True)
            for known in [books[name]]
        )

    def _read(self, name: str) -> _Books | None:
        """The books of a table up to its newest commit; None where they cannot be read."""
        table = table_in(self._home, name)
        known = self._books.get(name)
        try:
            newest = last_commit(table)
            if known is None or not known.are_part_of(newest):
                known = _Books(table)
            known.read_on(newest)
        except (DamagedError, StoreError, OSError, ValueError):
            self._books.pop(name, None)
            return None
        self._books[name] = known
        return known


class _Books:
    """What the commits of one table say of each delivery, by their entries alone.

    Whoever ships needs neither rows nor what reads them.
    """

    def __init__(self, table: Path) -> None:
        self._table = table
        self._log = Log(table)
        self._lines: defaultdict[str, list[_Line]] = defaultdict(list)
        self._newest = -1
        self._seen: tuple[int, ...] = ()

    def are_part_of(self, newest: int) -> bool:
        """Whether the table of this newest commit still has the last one that was read: none was put back."""
        return self._newest <= newest and self._seen == self._identity()

    def read_on(self, newest: int) -> None:
        """Read the commits up to this one.

        Raises:
            DamagedError: one of them is not there, or is none.
            StoreError: one of them cannot be read.
            ValueError: an entry is none that this program knows.
        """
        for commit in self._log.commits(newest, after=self._newest):
            for told in commit.facts.get("entries", ()):
                line = Entry.model_validate(told)
                self._lines[line.delivery].append((commit.version, commit.adds, line))
        self._newest, self._seen = newest, ()
        self._seen = self._identity()

    def stand(self, delivery: str, version: int) -> bool:
        """Whether what was good of a delivery at a version is so still."""
        return _stands(self._lines.get(delivery, ()), version)

    def _identity(self) -> tuple[int, ...]:
        if self._newest < 0:
            return ()
        found = commit_file(self._table, self._newest).stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _delivery(table: str, line: Mapping[str, Any]) -> str:
    return f"{table}/{line['partition']}/{line['snapshot_sha256']}"


def _stands(lines: Sequence[_Line], version: int) -> bool:
    """Whether a delivery is accepted by its last line, and judged as at that version, as far as entries tell.

    What others bring or take (`cause`) leaves alone what is good of this one.
    """
    verdict, is_alike = "", True
    known: list[Entry] = []
    for at, adds, line in lines:
        if line.cause:
            continue
        verdict = line.verdict
        if not line.staging:
            continue
        if at <= version:
            known = [line]
            continue
        # A note tells of the same rows, so what follows may be compared with its terms as well.
        is_note = line.kind in NOTES or (line.is_alike and not adds)
        is_alike = (is_alike and is_note) or any(_is_same(line, one) for one in known)
        if is_alike:
            known.append(line)
    return verdict == _STANDS and is_alike


def _is_same(line: Entry, earlier: Entry) -> bool:
    """Whether two stagings divide the rows alike: by another edition of a register the same terms may not.

    So terms that let more rows in are other ones, too: entries tell how many are refused, and not which.
    """
    return (line.staging, line.quarantine_sha256) == (earlier.staging, earlier.quarantine_sha256)
