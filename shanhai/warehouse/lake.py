"""The lake: Delta tables whose every commit is one event in the life of a delivery."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from shanhai.errors import BusyError, ConfigurationError, StoreError
from shanhai.storage.disk import disk_errors, library_error
from shanhai.warehouse import pins

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

log = logging.getLogger(__name__)

METADATA_KEY = "shanhai"
_SEQUENCE = "shanhai.sequence"
_FILES = "files"
"""The fact of a commit that tells the SHA-256 of each file that it adds."""
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
    "delta.enableExpiredLogCleanup": "false",
    "delta.dataSkippingNumIndexedCols": "0",
}
"""The log is the truth that the ledger is projected from: it is kept longer than any projection may lag.

It holds no minimum and no maximum of a column, since those can be personal values in clear."""


@dataclass(frozen=True)
class Change:
    """What one commit does: files registered and dropped, transactions recorded, facts kept beside it.

    Args:
        add: parquet files that already lie in the table's folder, with their row counts.
        remove: names of files of the current version that go.
        transactions: application transactions, id → version.
        facts: a JSON-able record, kept in the commit's metadata.
        digests: SHA-256, in hex, of those files of `add` of which it is known; the others are read for it.
    """

    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    transactions: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Commit:
    """One commit of a table as read back: its version, its instant by the writer's clock, its facts."""

    version: int
    at: datetime
    facts: Mapping[str, Any]

    @property
    def adds(self) -> bool:
        """Whether it added files to the table."""
        return bool(self.facts.get(_FILES))


class LakeTable:
    """One version of one Delta table, and the only way to commit on top of exactly that version.

    A commit succeeds only if nothing was committed since this handle was opened: every commit
    carries the application transaction `shanhai.sequence`, so two writers that decided on the same
    state cannot both win. The loser opens the table again and decides again.
    """

    def __init__(self, path: Path, table: DeltaTable) -> None:
        self.path = path
        self._table = table

    @classmethod
    def open(cls, path: Path) -> LakeTable:
        """The newest version of the table in `path`.

        Raises:
            StoreError: there is no table, or it cannot be read.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            return cls(path, DeltaTable(path.as_posix()))
        except (DeltaError, OSError) as error:
            raise StoreError("no readable table", given=path.name) from error

    @classmethod
    def create(cls, path: Path, schema: pa.Schema, *, name: str) -> LakeTable:
        """The table in `path`, made empty if it is not there; columns that `schema` adds are added.

        Raises:
            ConfigurationError: a column is there with another type; rows of it are, too.
            StoreError: the table cannot be made or read.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            path.mkdir(parents=True, exist_ok=True)
            place = path.as_posix()
            # To create a table that is there would read its log twice.
            table = (
                DeltaTable(place)
                if exists(path)
                else DeltaTable.create(place, schema, mode="ignore", name=name, configuration=_CONFIGURATION)
            )
            known = {column.name: pins.duckdb_type_of(column.type) for column in table.schema().fields}
            for column in _delta_fields(schema):
                _check_same_type(name, column, known.get(column.name))
            new = [column for column in _delta_fields(schema) if column.name not in known]
            if new:
                table.alter.add_columns(new)
        except (DeltaError, OSError) as error:
            raise library_error("the table cannot be made", error, given=path.name) from error
        return cls.open(path) if new else cls(path, table)

    @property
    def version(self) -> int:
        """The Delta version that this handle shows."""
        return int(self._table.version())

    def transaction(self, name: str) -> int:
        """The version recorded for an application transaction; 0 when there is none."""
        return int(self._table.transaction_version(name) or 0)

    def files(self) -> dict[str, int | None]:
        """The files of this version, by name relative to the table, with their row counts."""
        actions = self._table.get_add_actions()
        names = actions.column("path").to_pylist()
        counts = actions.column("num_records").to_pylist()
        return {unquote(str(name)): count for name, count in zip(names, counts, strict=True)}

    def cut_files(self) -> tuple[str, ...]:
        """The files of this version that are gone, or have another size than when they were committed."""
        actions = self._table.get_add_actions()
        names, sizes = actions.column("path").to_pylist(), actions.column("size_bytes").to_pylist()
        found = {self.path / unquote(str(name)): size for name, size in zip(names, sizes, strict=True)}
        return tuple(
            file.name for file, size in found.items() if not file.is_file() or file.stat().st_size != size
        )

    def digests(self) -> dict[str, str]:
        """By name the SHA-256 of every file that a commit has ever added, as it was then.

        Commits of `commit` tell it; what delta-rs wrote itself has none.
        """
        found: dict[str, str] = {}
        for commit in self.commits():
            found |= commit.facts.get(_FILES, {})
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
                Transaction(_SEQUENCE, self.version + 1),
                *(Transaction(name, version) for name, version in change.transactions.items()),
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
        # By the names of the log's files: delta-rs numbers its history from the newest commit, and another
        # may have come since this version was opened.
        found = []
        for version in range(max(after, -1) + 1, self.version + 1):
            for action in self._log(version):
                entry = action.get("commitInfo", {})
                if METADATA_KEY in entry:
                    facts = json.loads(entry[METADATA_KEY])
                    # Delta's own time stamp is the wall clock's; a simulated district has its own calendar.
                    told = facts.get("at")
                    at = (
                        datetime.fromisoformat(told)
                        if told
                        else datetime.fromtimestamp(int(entry["timestamp"]) / 1000, UTC)
                    )
                    found.append(Commit(version, at, facts))
        return found

    def _log(self, version: int) -> list[dict[str, Any]]:
        """The actions of one commit; none of a version that is not there."""
        file = self.path / "_delta_log" / f"{version:020}.json"
        with disk_errors(self.path):
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
        return [json.loads(line) for line in text.splitlines() if line]

    def relation(self, *, file_names: bool = False) -> str:
        """A SQL relation over the rows of exactly this version, in parentheses.

        With `file_names`, `_file` tells each row's file relative to the table, `_file_row` its place in it.
        """
        return pins.relation(self._table, self.path, file_names=file_names)

    def empty_relation(self) -> str:
        """A SQL relation with the columns of the table and no row, in parentheses; it opens no file."""
        return pins.empty_relation(self._table)

    def _is_followed_by(self, change: Change, facts: Mapping[str, Any]) -> bool:
        """Whether the version after this one is the commit of these facts and files."""
        actions = self._log(self.version + 1)
        told = [one["commitInfo"].get(METADATA_KEY) for one in actions if "commitInfo" in one]
        added = {unquote(one["add"]["path"]) for one in actions if "add" in one}
        return told == [_text(facts)] and change.add.keys() == added

    def _digests_of(self, change: Change) -> dict[str, dict[str, str]]:
        """The fact `files` of a commit; nothing where it adds none."""
        found = {name: change.digests.get(name) or _sha256(self.path / name) for name in change.add}
        return {_FILES: found} if found else {}

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
                json.dumps({"numRecords": rows}),
            )
            for name, rows in change.add.items()
        ]
        return [*removed, *added]


def exists(path: Path) -> bool:
    """Whether a Delta table lies in `path`: its folder alone is none, as a full disk may leave it."""
    return any((path / "_delta_log").glob("*.json"))


def _delta_fields(schema: pa.Schema) -> Iterable[Any]:
    from deltalake import Schema

    return Schema.from_arrow(schema).fields


def _check_same_type(table: str, column: Any, known: str | None) -> None:
    """A file of another type than the table would be committed, which no reader could read any more."""
    given = pins.duckdb_type_of(column.type)
    if known is not None and given != known:
        raise ConfigurationError(
            f"the type of column {column.name} of {table} cannot change",
            given=given,
            allowed=known,
            hint="give the column of the new type a new name, or the dataset",
        )


def _sha256(file: Path) -> str:
    with disk_errors(file), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)
