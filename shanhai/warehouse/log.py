"""What was read of the log of a table: each commit once, however often it is asked for."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from shanhai.errors import StoreError
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.bounds import Columns, read_statistics
from shanhai.warehouse.damage import damaged

if TYPE_CHECKING:
    from deltalake import DeltaTable

METADATA_KEY = "shanhai"
FILES = "files"
"""The fact of a commit that tells the SHA-256 of each file that it adds."""

SEQUENCE = "shanhai.sequence"
"""The application transaction that ends each commit of ours: its version is that of the commit."""
PROJECTED = "projected"
"""The fact of a commit of the books: the dataset whose version it records as an application transaction."""
TRANSACTION = "transaction"
"""The fact of a commit of a mart or of a publication: the application transaction that it ends with."""

State = TypeVar("State")


@dataclass(frozen=True)
class Commit:
    """One commit of a table as read back: its version, its instant by the writer's clock, its facts.

    `bounds` are those of files that it adds and tells them of.
    """

    version: int
    at: datetime
    facts: Mapping[str, Any]
    transactions: Mapping[str, int] = field(default_factory=dict)
    bounds: Mapping[str, Columns] = field(default_factory=dict)

    @property
    def adds(self) -> bool:
        """Whether it added files to the table."""
        return bool(self.facts.get(FILES))


class Log:
    """The log of one table, for the handles of one step: what they read of it, they read once.

    A commit never changes, so what was read stays true, and only what was committed since is read. Where the
    first commit or the newest one known is another file than it was, such as after a restore, the log is
    another one, and all of it is read again. Of use to one thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._table: DeltaTable | None = None
        self._seen: tuple[object, ...] = ()
        self._forget()

    def newest(self) -> DeltaTable:
        """The newest version of the table. The next call moves what this one gave.

        Raises:
            DeltaError, OSError: there is no table, or it cannot be read.
        """
        from deltalake import DeltaTable

        if self._table is not None and self._seen == self._identity(self._table.version()):
            self._table.update_incremental()
        else:
            self._forget()
            self._table = DeltaTable(self._path.as_posix())
        self._seen = self._identity(self._table.version())
        return self._table

    def commits(self, version: int, *, after: int = -1) -> list[Commit]:
        """The commits with facts of ours above `after` and up to a version, oldest first.

        Raises:
            DamagedError: one of them is not there, or is none.
            StoreError: one of them cannot be read.
        """
        if after > self._read:
            # Nobody has asked for those before.
            return [one for known in range(after + 1, version + 1) for one in _commits(self._path, known)]
        while self._read < version:
            self._commits += _commits(self._path, self._read + 1)
            self._read += 1
        return self._commits[self._count(after) : self._count(version)]

    def fold(self, step: Callable[[State, Sequence[Commit]], State], start: State, version: int) -> State:
        """What `step` makes of `start` and the commits up to a version, continued from the last time.

        Args:
            step: a function of a module, by which what it made is found again; it changes no argument.
        """
        known: tuple[int, State] = self._folds.get(step, (-1, start))
        reached, state = known
        if reached > version:
            return step(start, self.commits(version))
        if new := self.commits(version)[self._count(reached) :]:
            state = step(state, new)
        self._folds[step] = (version, state)
        return state

    def _count(self, version: int) -> int:
        return bisect_right(self._commits, version, key=attrgetter("version"))

    def _forget(self) -> None:
        self._commits: list[Commit] = []
        self._read = -1
        self._folds: dict[Callable[..., Any], tuple[int, Any]] = {}

    def _identity(self, version: int) -> tuple[object, ...]:
        """What tells the files of the first commit and of a later one from others of the same names."""
        return tuple(_file_identity(commit_file(self._path, known)) for known in (0, version))


def with_transactions(known: Mapping[str, int], commits: Sequence[Commit]) -> Mapping[str, int]:
    """The versions recorded for application transactions, after some more commits; a step of `Log.fold`."""
    found = dict(known)
    for commit in commits:
        found |= commit.transactions
    return found


def with_bounds(known: Mapping[str, Columns], commits: Sequence[Commit]) -> Mapping[str, Columns]:
    """What was told of the bounds of files, after some more commits; a step of `Log.fold`."""
    found = dict(known)
    for commit in commits:
        found |= commit.bounds
    return found


def commit_file(path: Path, version: int) -> Path:
    """The file in which a commit of the table in `path` stands."""
    return path / "_delta_log" / f"{version:020}.json"


def last_commit(path: Path) -> int:
    """The newest version of the table in `path`, by the names of the commits alone.

    Raises:
        StoreError: there is no table, or its log cannot be read.
    """
    with disk_errors(path):
        names = [file.stem for file in (path / "_delta_log").glob("*.json")]
    versions = [int(name) for name in names if name.isascii() and name.isdigit()]
    if not versions:
        raise StoreError("no readable table", given=path, hint="look whether its disk is there and whole")
    return max(versions)


def last_checkpoint(path: Path) -> int:
    """The version up to which a checkpoint tells what the commits do; -1 without one.

    Raises:
        StoreError: the log cannot be read.
    """
    file = path / "_delta_log" / "_last_checkpoint"
    with disk_errors(path):
        told = file.read_text(encoding="utf-8") if file.is_file() else ""
    try:
        return int(json.loads(told)["version"])
    except (ValueError, LookupError, TypeError):
        return -1


def actions(path: Path, version: int) -> list[dict[str, Any]]:
    """The actions of one commit; none of a version that is not there.

    Raises:
        DamagedError: it is cut off or altered.
        StoreError: it cannot be read.
    """
    file = commit_file(path, version)
    try:
        with disk_errors(path):
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
        return [json.loads(line) for line in text.splitlines() if line]
    except ValueError:
        # Not its cause: it quotes what it read.
        raise damaged(
            "the log of a table is damaged", path, file, "a commit: lines of JSON, each one action"
        ) from None


def _commits(path: Path, version: int) -> list[Commit]:
    # By the names of the log's files: delta-rs numbers its history from the newest commit, and another
    # may have come since this version was opened.
    if not commit_file(path, version).is_file():
        # Taken for an empty commit, a delivery of which it tells would be loaded once more.
        raise damaged(
            "a commit of the table is missing", path, commit_file(path, version), f"the commit {version}"
        )
    found = actions(path, version)
    told = [action["txn"] for action in found if "txn" in action]
    transactions = {str(one["appId"]): int(one["version"]) for one in told}
    added = [action["add"] for action in found if "add" in action]
    bounds = {unquote(one["path"]): read_statistics(one.get("stats")) for one in added}
    entries = [action["commitInfo"] for action in found if METADATA_KEY in action.get("commitInfo", {})]
    commits = [_commit(version, entry, transactions, bounds) for entry in entries]
    if not _is_whole(version, found, commits):
        raise damaged(
            "the log of a table is damaged",
            path,
            commit_file(path, version),
            "a commit with all of its actions",
        )
    return commits


def _is_whole(version: int, found: Sequence[Mapping[str, Any]], commits: Sequence[Commit]) -> bool:
    """Whether all that was committed stands in a commit: delta-rs takes what is left of one for a commit.

    What it tells comes first in it, and transactions last: `SEQUENCE`, or the one that its facts name. Where
    a table was made or altered, there is neither, and a vacuum tells nothing but that it was.
    """
    told = [action["commitInfo"] for action in found if "commitInfo" in action]
    if len(found) == 1 and told and str(told[0].get("operation")).startswith("VACUUM"):
        return True
    return bool(told) and len(found) > 1 and all(_has_its_transactions(version, commit) for commit in commits)


def _has_its_transactions(version: int, commit: Commit) -> bool:
    if TRANSACTION in commit.facts:
        return commit.facts[TRANSACTION] in commit.transactions
    # Commits from before `SEQUENCE` was the last have those of their facts after it.
    needed = {line["delivery"] for line in commit.facts.get("entries", ()) if not line.get("cause")}
    if PROJECTED in commit.facts:
        needed.add(commit.facts[PROJECTED])
    return (
        commit.transactions.get(SEQUENCE) == version
        and needed <= commit.transactions.keys()
        and (FILES not in commit.facts or commit.facts[FILES].keys() == commit.bounds.keys())
    )


def _commit(
    version: int, entry: Mapping[str, Any], transactions: Mapping[str, int], bounds: Mapping[str, Columns]
) -> Commit:
    facts = json.loads(entry[METADATA_KEY])
    # Delta's own time stamp is the wall clock's; a simulated district has its own calendar.
    told = facts.get("at")
    at = datetime.fromisoformat(told) if told else datetime.fromtimestamp(int(entry["timestamp"]) / 1000, UTC)
    return Commit(version, at, facts, transactions, bounds)


def _file_identity(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
