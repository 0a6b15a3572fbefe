"""What was released to whom: each release once, with the decision and the numbers that it rests on."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shanhai.courier.sets import subject_key, subject_of
from shanhai.exchange.strict import read_moment, write_moment
from shanhai.exchange.subjects import Subject
from shanhai.governance.subjects import Measure

_COLUMNS = (
    "id, pairing, subject, version, shape, grant_id, grant_rev, set_id, message, decision, counts, who,"
    " approver, at"
)

_TO_ITS_NODE = (
    "pairing IN (SELECT pairing FROM partner WHERE node = (SELECT node FROM partner WHERE pairing = ?))"
)


@dataclass(frozen=True)
class Release:
    """One version of a subject that was released to a partner.

    Attributes:
        id: the same for the same release, so that it happens once.
        shape: id of the shape; None for an application.
        message: digest of the parcel.
        decision: what every rule said, as `Decision.as_dict`.
        counts: the columns whose keys were given, for how many days, rows that leave and are held, what was
            measured of groups.
        who, approver: by name.
    """

    id: str
    pairing: str
    subject: Subject
    version: int
    shape: str | None
    grant: str
    rev: int
    set_id: str
    message: str
    decision: Mapping[str, Any]
    counts: Mapping[str, Any]
    who: str
    approver: str | None
    at: datetime

    @property
    def deliveries(self) -> Sequence[Mapping[str, Any]]:
        """The lines of the ledger on whatever had a row in it; of an application none."""
        quality: Mapping[str, Any] = self.counts.get("quality") or {}
        found: Sequence[Mapping[str, Any]] = quality.get("deliveries", ())
        return found

    @property
    def versions(self) -> Mapping[str, int]:
        """The versions of the tables that it was made of, by `<district>.<dataset>`; of a folder none."""
        found: Mapping[str, int] = (self.counts.get("lineage") or {}).get("sources", {})
        return found

    @property
    def named(self) -> dict[str, Any]:
        """Which one it is, as plain JSON."""
        return {
            "subject": self.subject.name,
            "version": self.version,
            "grant": self.grant,
            "message": self.message,
        }


def release_id(
    pairing: str, subject: Subject, version: int, grant: tuple[str, int], columns: Iterable[str], attempt: int
) -> str:
    """What makes a release the same one: recipient, version, revision of the grant, columns.

    Args:
        attempt: how many times the partner has refused it before: what was refused may be sent anew.
    """
    told = [pairing, subject.kind, subject.name, version, *grant, sorted(columns), attempt]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def keep(connection: sqlite3.Connection, release: Release) -> None:
    """Keep a release, within the transaction of its message."""
    marks = ", ".join("?" * 14)
    connection.execute(
        f"INSERT INTO release_ ({_COLUMNS}) VALUES ({marks})",
        (
            release.id,
            release.pairing,
            subject_key(release.subject),
            str(release.version),
            release.shape or "",
            release.grant,
            release.rev,
            release.set_id,
            release.message,
            _json(release.decision),
            _json(release.counts),
            release.who,
            release.approver,
            write_moment(release.at),
        ),
    )


def by_id(connection: sqlite3.Connection, identity: str) -> Release | None:
    """A release by its id."""
    return next(iter(_select(connection, "id = ?", identity)), None)


def of_message(connection: sqlite3.Connection, digest: str) -> Release | None:
    """The release whose parcel has that digest."""
    return next(iter(_select(connection, "message = ?", digest)), None)


def forget(connection: sqlite3.Connection, digest: str) -> None:
    """Forget the release of a parcel that was taken back before a byte of it left."""
    connection.execute("DELETE FROM release_ WHERE message = ?", (digest,))


def every(connection: sqlite3.Connection, pairing: str | None = None) -> tuple[Release, ...]:
    """All releases, the oldest first; those to one partner, or to all."""
    return _select(connection, "pairing = ?", pairing) if pairing else _select(connection, "true")


def of_set(connection: sqlite3.Connection, set_id: str) -> tuple[Release, ...]:
    """The releases of a set."""
    return _select(connection, "set_id = ?", set_id)


def sent(connection: sqlite3.Connection, pairing: str, subject: Subject) -> Mapping[Measure, str]:
    """What a partner has been sent of a subject: version and shape → id of the set.

    Under any grant, and under any pairing with the same node: the end of one takes nothing back.
    """
    found = connection.execute(
        f"SELECT version, shape, set_id FROM release_ WHERE {_TO_ITS_NODE} AND subject = ?",
        (pairing, subject_key(subject)),
    )
    return {(int(version), shape): set_id for version, shape, set_id in found}


def read(connection: sqlite3.Connection, pairing: str, subject: Subject, measure: Measure) -> frozenset[str]:
    """The columns that a partner was sent, as of `sent`, of a version in a shape, in however many releases.

    Of a release that was made before they were kept, all columns of its set.
    """
    version, shape = measure
    found = connection.execute(
        "SELECT counts, sealed_set.shape FROM release_ JOIN sealed_set USING (set_id)"
        f" WHERE {_TO_ITS_NODE} AND release_.subject = ? AND release_.version = ? AND release_.shape = ?",
        (pairing, subject_key(subject), str(version), shape),
    )
    return frozenset(
        name
        for counts, described in found
        for name in json.loads(counts).get("columns") or json.loads(described)["columns"]
    )


def _select(connection: sqlite3.Connection, condition: str, *values: str) -> tuple[Release, ...]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM release_ WHERE {condition} ORDER BY at, id", values)
    return tuple(map(_read, rows))


def _read(row: tuple[Any, ...]) -> Release:
    identity, pairing, subject, version, shape, grant, rev, set_id, message, *rest = row
    decision, counts, who, approver, at = rest
    return Release(
        id=identity,
        pairing=pairing,
        subject=subject_of(subject),
        version=int(version),
        shape=shape or None,
        grant=grant,
        rev=rev,
        set_id=set_id,
        message=message,
        decision=json.loads(decision),
        counts=json.loads(counts),
        who=who,
        approver=approver,
        at=read_moment(at),
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
