"""The sealed sets of this node: which version of what each is, its signed statement, where its files are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shanhai.exchange.strict import write_moment
from shanhai.exchange.subjects import Subject

WRITING, SEALED, RETIRED = "writing", "sealed", "retired"

_COLUMNS = "set_id, subject, version, shape, statement, statement_digest, facts, state"


@dataclass(frozen=True)
class Described:
    """What a set has, as it stands beside it: enough to know whether it serves another recipient.

    Attributes:
        shape_id: of `governance.shape`; it depends on types too.
        columns: names, in the order of c0000, c0001 and so on.
        row_filter: of the rows; None for all.
        masks: name → action.
        order: the columns by which its rows are ordered; each recipient reads them all.
        listing: digest of the files of an application, hex; None of a dataset.
    """

    shape_id: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    row_filter: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    listing: str | None = None


@dataclass(frozen=True)
class KeptSet:
    """One sealed set.

    Attributes:
        version: of the subject.
        statement: its signed envelope, as it is uploaded.
        digest: of the statement's payload.
        facts: the bytes whose digest the statement names.
    """

    set_id: str
    subject: Subject
    version: int
    described: Described
    statement: bytes = field(repr=False)
    digest: str
    facts: bytes = field(repr=False)
    state: str


@dataclass(frozen=True)
class KeptFile:
    """One file of a set; `uploaded_to` are the pairings whose relay has it, as far as is known."""

    name: str
    size: int
    uploaded_to: frozenset[str]

    @property
    def sha256(self) -> str:
        """Hex; the name says it."""
        return self.name.removesuffix(".parquet")


def subject_key(subject: Subject) -> str:
    """How a subject is written in the tables of the exchange: `<kind>:<name>`."""
    return f"{subject.kind}:{subject.name}"


def subject_of(key: str) -> Subject:
    """The subject of `subject_key`."""
    kind, _, name = key.partition(":")
    return Subject(kind, name)


def begin(
    connection: sqlite3.Connection,
    set_id: str,
    subject: Subject,
    version: int,
    described: Described,
    *,
    at: datetime,
) -> None:
    """Note that a set is being written, before anything of it is on the disk: what is left can be found."""
    connection.execute(
        f"INSERT INTO sealed_set ({_COLUMNS}, at) VALUES (?, ?, ?, ?, NULL, NULL, NULL, ?, ?)",
        (set_id, subject_key(subject), str(version), _shape(described), WRITING, write_moment(at)),
    )


def seal(
    connection: sqlite3.Connection,
    set_id: str,
    *,
    statement: bytes,
    digest: str,
    facts: bytes,
    files: Iterable[tuple[str, int]],
) -> None:
    """Make a written set one that can be sent; within the transaction of its first message.

    Args:
        files: name and size of each, in the order of the statement.
    """
    connection.execute(
        "UPDATE sealed_set SET statement = ?, statement_digest = ?, facts = ?, state = ? "
        "WHERE set_id = ? AND state = ?",
        (statement, digest, facts, SEALED, set_id, WRITING),
    )
    connection.executemany(
        "INSERT INTO set_file (set_id, name, size, uploaded_to) VALUES (?, ?, ?, '[]')",
        [(set_id, name, size) for name, size in files],
    )


def forget(connection: sqlite3.Connection, set_id: str) -> None:
    """Drop a set that was never sealed, once nothing of it is left on the disk."""
    connection.execute("DELETE FROM sealed_set WHERE set_id = ? AND state = ?", (set_id, WRITING))


def retire(connection: sqlite3.Connection, set_id: str) -> None:
    """Note that a set can be given to nobody any more; statement and facts stay as evidence."""
    connection.execute("UPDATE sealed_set SET state = ? WHERE set_id = ?", (RETIRED, set_id))


def unfinished(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The ids of sets that were begun and never sealed."""
    return _ids(connection, WRITING)


def retired(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The ids of retired sets."""
    return _ids(connection, RETIRED)


def sealed(
    connection: sqlite3.Connection, subject: Subject | None = None, version: int | None = None
) -> tuple[KeptSet, ...]:
    """The sets that can be sent, the oldest first; of one version of a subject, or all."""
    condition, values = "state = ?", [SEALED]
    if subject is not None:
        condition, values = f"{condition} AND subject = ?", [*values, subject_key(subject)]
    if version is not None:
        condition, values = f"{condition} AND version = ?", [*values, str(version)]
    return _select(connection, condition, values)


def of_subject(connection: sqlite3.Connection, subject: Subject) -> tuple[KeptSet, ...]:
    """Every set of a subject that was sealed once, retired or not, the oldest first."""
    return _select(connection, "subject = ? AND state <> ?", [subject_key(subject), WRITING])


def by_id(connection: sqlite3.Connection, set_id: str) -> KeptSet | None:
    """A set that was sealed once, retired or not."""
    return next(iter(_select(connection, "set_id = ? AND state <> ?", [set_id, WRITING])), None)


def files(connection: sqlite3.Connection, set_id: str) -> tuple[KeptFile, ...]:
    """The files of a set."""
    found = connection.execute(
        "SELECT name, size, uploaded_to FROM set_file WHERE set_id = ? ORDER BY name", (set_id,)
    )
    return tuple(KeptFile(name, size, frozenset(json.loads(pairings))) for name, size, pairings in found)


def uploaded(connection: sqlite3.Connection, set_id: str, name: str, pairing: str) -> None:
    """Note that the relay of a pairing has a file; within a transaction."""
    for file in files(connection, set_id):
        if file.name == name:
            listed = json.dumps(sorted(file.uploaded_to | {pairing}))
            connection.execute(
                "UPDATE set_file SET uploaded_to = ? WHERE set_id = ? AND name = ?", (listed, set_id, name)
            )


def left_behind(connection: sqlite3.Connection, pairing: str) -> None:
    """Note, within a transaction, that no file is known to be at the relay of a pairing, which moved."""
    listed = "SELECT json_group_array(value) FROM json_each(uploaded_to) WHERE value <> ?"
    connection.execute(f"UPDATE set_file SET uploaded_to = ({listed})", (pairing,))


def _ids(connection: sqlite3.Connection, state: str) -> tuple[str, ...]:
    found = connection.execute("SELECT set_id FROM sealed_set WHERE state = ? ORDER BY at, set_id", (state,))
    return tuple(set_id for (set_id,) in found)


def _select(connection: sqlite3.Connection, condition: str, values: Sequence[str]) -> tuple[KeptSet, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM sealed_set WHERE {condition} ORDER BY at, set_id", tuple(values)
    )
    return tuple(map(_read, rows))


def _read(row: tuple[Any, ...]) -> KeptSet:
    set_id, subject, version, shape, statement, digest, facts, state = row
    told = json.loads(shape)
    described = Described(
        shape_id=told["id"],
        columns=tuple(told["columns"]),
        order=tuple(told["order"]),
        row_filter=told["row_filter"],
        masks=told["masks"],
        listing=told["listing"],
    )
    return KeptSet(set_id, subject_of(subject), int(version), described, statement, digest, facts, state)


def _shape(described: Described) -> str:
    told = {
        "id": described.shape_id,
        "columns": list(described.columns),
        "order": list(described.order),
        "row_filter": described.row_filter,
        "masks": dict(described.masks),
        "listing": described.listing,
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True)
