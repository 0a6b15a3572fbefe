"""The lake: Delta tables whose every commit is one event in the life of a delivery."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from shanhai.errors import BusyError, DamagedError
from shanhai.storage.disk import disk_errors, library_error
from shanhai.warehouse import pins
from shanhai.warehouse.bounds import Columns, statistics
from shanhai.warehouse.columns import new_columns
from shanhai.warehouse.damage import unreadable
from shanhai.warehouse.log import (
    FILES,
    METADATA_KEY,
    SEQUENCE,
    Commit,
    Log,
    State,
    actions,
    last_checkpoint,
    with_bounds,
    with_transactions,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

log = logging.getLogger(__name__)

_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
    "delta.dataSkippingNumIndexedCols": "0",
}
"""The log is the truth that the ledger is projected from: it is kept longer than any projection may lag.

What delta-rs writes tells no minimum and no maximum of a column, since those can be personal values in clear.
`Change.bounds` tells those of columns that are none."""


@dataclass(frozen=True)
class Change:
    """What one commit does: files registered and dropped, transactions recorded, facts kept beside it.

    Args:
        add: parquet files that already lie in the table's folder, with their row counts.
        remove: names of files of the current version that go.
        transactions: application transactions, id → version.
        facts: a JSON-able record, kept in the commit's metadata.
        digests: SHA-256, in hex, of those files of `add` of which it is known; the others are read for it.
        bounds: by file of `add` and by column, between which values it lies. No values of persons.
    """

    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    transactions: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, Columns] = field(default_factory=dict)


class LakeTable:
    """One version of one Delta table, and the only way to commit on top of exactly that version.

    A commit succeeds only if nothing was committed since this handle was opened: every commit
    carries the application transaction `shanhai.sequence`, so two writers that decided on the same
    state cannot both win. The loser opens the table again and decides again.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self.path = path
        self._log = log
        self._newest = log.newest()
        self.version = int(self._newest.version())
        """The Delta version that this handle shows."""

    @classmethod
    def open(cls, path: Path, log: Log | None = None) -> LakeTable:
        """The newest version of the table in `path`.

        Args:
            log: what earlier handles have read of it.

        Raises:
            DamagedError: its log has lost a file, or one is cut off or altered.
            StoreError: there is no table, or it cannot be read.
        """
        from deltalake.exceptions import DeltaError

        try:
            return cls(path, log or Log(path))
        except (DeltaError, OSError) as error:
            raise unreadable(path, error) from error

    @classmethod
    def create(cls, path: Path, schema: pa.Schema, *, name: str, log: Log | None = None) -> LakeTable:
        """The table in `path`, made empty if it is not there; columns that `schema` adds are added.

        Args:
            log: what earlier handles have read of it.

        Raises:
            ConfigurationError: a column is there with another type; rows of it are, too.
            DamagedError: it is there, and its log is damaged.
            StoreError: the table cannot be made or read.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        there = False
        try:
            path.mkdir(parents=True, exist_ok=True)
            # To create a table that is there would read its log twice.
            there = exists(path)
            if not there:
                place = path.as_posix()
                DeltaTable.create(place, schema, mode="ignore", name=name, configuration=_CONFIGURATION)
            table = cls(path, log or Log(path))
            if new := new_columns(name, table._table.schema(), schema):
                DeltaTable(path.as_posix(), version=table.version).alter.add_columns(new)
        except (DeltaError, OSError) as error:
            # What could not be made leaves a log without a first commit, which is no damage.
            if there and isinstance(told := unreadable(path, error), DamagedError):
                raise told from error
            raise library_error("the table cannot be made", error, given=path) from error
        return cls.open(path, log) if new else table

    @property
    def _table(self) -> DeltaTable:
        """The table at the version of this handle: a later handle may have moved the one they share."""
        from deltalake import DeltaTable

        if int(self._newest.version()) != self.version:
            self._newest = DeltaTable(self.path.as_posix(), version=self.version)
        return self._newest

    def transaction(self, name: str) -> int:
        """The version recorded for an application transaction; 0 when there is none.

        Where many are asked for, or the commits are read anyway, `transactions` reads each commit once.
        """
        return int(self._table.transaction_version(name) or 0)

    def transactions(self) -> Mapping[str, int]:
        """The versions recorded for all application transactions, by their names."""
        return self.fold(with_transactions, {})

    def files(self) -> dict[str, int | None]:
        """The files of this version, by name relative to the table, with their row counts."""
        actions = self._table.get_add_actions()
        names = actions.column("path").to_pylist()
        counts = actions.column("num_records").to_pylist()
        return {unquote(str(name)): count for name, count in zip(names, counts, strict=True)}

    def cut_files(self, among: Collection[str] | None = None) -> tuple[str, ...]:
        """The files of this version that are gone, or have another size than when they were committed.

        Args:
            among: names to look at; None: all.
        """
        actions = self._table.get_add_actions()
        names, sizes = actions.column("path").to_pylist(), actions.column("size_bytes").to_pylist()
        found = {unquote(str(name)): size for name, size in zip(names, sizes, strict=True)}
        return tuple(
            name
            for name, size in found.items()
            if (among is None or name in among) and not _has_size(self.path / name, size)
        )

    def damaged_file(self) -> str | None:
        """The first file of this version that is gone, cut off, or not of the digest in its commit."""
        if gone := self.cut_files():
            return gone[0]
        digests = self.digests()
        others = (name for name in self.files() if _sha256(self.path / name) != digests.get(name))
        return next((name for name in others if name in digests), None)

    def bounds(self) -> Mapping[str, Columns]:
        """By name what commits have told of the bounds of files; also of files that are gone."""
        return self.fold(with_bounds, {})

    def digests(self) -> dict[str, str]:
        """By name the SHA-256 of every file that a commit has ever added, as it was then.

        Commits of `commit` tell it; what delta-rs wrote itself has none.
        """
        found: dict[str, str] = {}
        for commit in self.commits():
            found |= commit.facts.get(FILES, {})
        return found

    def commit(self, change: Change, *, at: datetime) -> int:
        """Commit `change`, dated `at`, on top of this version; returns the version it made.

        Raises:
            BusyError: somebody else committed first; open the table and decide again.
            StoreError: the store failed; nothing was committed.
        """
        from deltalake import CommitProperties, Transaction
        from deltalake.exceptions import CommitFailedError, DeltaError

        facts = {**change.facts, **self._digests_of(change), "at": at.isoformat()}
        properties = CommitProperties(
            custom_metadata={METADATA_KEY: _text(facts)},
            max_commit_retries=0,
            app_transactions=[
                *(Transaction(name, version) for name, version in change.transactions.items()),
                # Last: a commit that was cut off has lost it.
                Transaction(SEQUENCE, self.version + 1),
            ],
        )
        try:
            self._table.create_write_transaction(
                self._actions(change, int(at.timestamp() * 1000)),
                "append",
                self._table.schema(),
                commit_properties=properties,
            )
        except (DeltaError, OSError) as error:
            if not self._is_followed_by(change, facts):
                if isinstance(error, CommitFailedError):
                    raise BusyError("another commit came first", given=self.path.name) from error
                raise library_error("the commit failed", error, given=self.path.name) from error
            # It stands: what failed is the checkpoint that delta-rs makes after every hundredth commit.
            log.warning("checkpoint outcome=failed table=%s version=%d", self.path.name, self.version + 1)
        return self.version + 1

    def commits(self, *, after: int = -1) -> list[Commit]:
        """The commits with facts of ours and a version above `after`, oldest first."""
        return self._log.commits(self.version, after=after)

    def require_whole_log(self) -> None:
        """See that no commit has lost its end, as far as a checkpoint does not tell what it did.

        Raises:
            DamagedError: one has, or is not there.
            StoreError: one cannot be read.
        """
        self._log.commits(self.version, after=last_checkpoint(self.path))

    def fold(self, step: Callable[[State, Sequence[Commit]], State], start: State) -> State:
        """What `step` makes of `start` and all commits with facts of ours; see `Log.fold`."""
        return self._log.fold(step, start, self.version)

    def relation(self, *, file_names: bool = False, among: Collection[str] | None = None) -> str:
        """A SQL relation over the rows of exactly this version, in parentheses.

        With `file_names`, `_file` tells each row's file relative to the table, `_file_row` its place in it.

        Args:
            among: the files to read; no other one is opened. None: all.
        """
        return pins.relation(self._table, self.path, file_names=file_names, among=among)

    def empty_relation(self) -> str:
        """A SQL relation with the columns of the table and no row, in parentheses; it opens no file."""
        return pins.empty_relation(self._table)

    def _is_followed_by(self, change: Change, facts: Mapping[str, Any]) -> bool:
        """Whether the version after this one is the commit of these facts and files."""
        found = actions(self.path, self.version + 1)
        told = [one["commitInfo"].get(METADATA_KEY) for one in found if "commitInfo" in one]
        added = {unquote(one["add"]["path"]) for one in found if "add" in one}
        return told == [_text(facts)] and change.add.keys() == added

    def _digests_of(self, change: Change) -> dict[str, dict[str, str]]:
        """The fact `files` of a commit; nothing where it adds none."""
        found = {name: change.digests.get(name) or _sha256(self.path / name) for name in change.add}
        return {FILES: found} if found else {}

    def _actions(self, change: Change, now: int) -> list[Any]:
        from deltalake.transaction import AddAction, RemoveAction

        removed = [RemoveAction(name, True, now) for name in change.remove]
        for name in change.add:
            # Whoever wrote the file: its rows may be personal.
            (self.path / name).chmod(0o600)
        added = [
            AddAction(
                name,
                (self.path / name).stat().st_size,
                {},
                now,
                True,
                statistics(rows, change.bounds.get(name, {})),
            )
            for name, rows in change.add.items()
        ]
        return [*removed, *added]


def _has_size(file: Path, size: int) -> bool:
    try:
        found = file.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


def exists(path: Path) -> bool:
    """Whether a Delta table lies in `path`: its folder alone is none, as a full disk may leave it."""
    try:
        with os.scandir(path / "_delta_log") as entries:
            return any(entry.name.endswith(".json") for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sha256(file: Path) -> str:
    with disk_errors(file), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)
