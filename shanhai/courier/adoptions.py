"""Who adopted or retired which application, when and why; the newest of each is what holds."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from shanhai.courier import granted, partners
from shanhai.errors import ConfigurationError, as_typed
from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.grants import check_in_force
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.strict import canonical, parse, read_moment, write_moment

ENDED, UNKNOWN, KEPT_TOO_LONG = "pairing-ended", "grant-unknown", "retention-over"
"""Why an application may not be used any more, beside what `check_in_force` says."""


@dataclass(frozen=True)
class Source:
    """The received version that an adoption is of.

    Attributes:
        message: digest of the parcel that brought it.
        version: of the partner.
        set_id: of the set that it came in.
        listing: digest of its listing, as the facts of the set name it.
        executable: digest of which of its files may be run, as they came.
        grant: under which it was sent.
        retain_until: until when it may be kept.
    """

    message: str
    version: int
    set_id: str
    listing: str
    executable: str
    grant: str
    retain_until: datetime


@dataclass(frozen=True)
class Adoption:
    """One decision.

    Attributes:
        partner: by name, as it was called then.
        source: what was adopted; None: the application was retired.
        who: a person.
    """

    pairing: str
    partner: str
    application: str
    source: Source | None
    who: str
    at: datetime
    reason: str

    @property
    def folder(self) -> str:
        """Where it lies among the adopted ones."""
        return folder_of(self.partner, self.application)

    @property
    def document(self) -> bytes:
        """What is kept, and what the event of it commits to.

        Raises:
            ConfigurationError: the reason has characters that no record has.
        """
        value = {**_plain(self), "v": 1, "source": None if self.source is None else _plain(self.source)}
        try:
            return canonical(value)
        except ValueError as error:
            raise ConfigurationError(
                "the reason cannot be kept", given=as_typed(self.reason), allowed="a line of text"
            ) from error

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the document."""
        return hashlib.sha256(self.document).hexdigest()


@dataclass(frozen=True)
class Unfinished:
    """A decision that was written, and may not have been carried out; `number` as `finished` takes it."""

    number: int
    adoption: Adoption


@dataclass(frozen=True)
class Lapsed:
    """An adopted application whose grant, terms or pairing are over; `code` says which."""

    application: str
    version: int
    code: str


def folder_of(partner: str, application: str) -> str:
    """Neither of the two names has a full stop in it."""
    return f"{partner}.{application}"


def decide(connection: sqlite3.Connection, adoption: Adoption) -> int:
    """Keep a decision before it is carried out, within the caller's transaction; gives its number."""
    cursor = connection.execute(
        "INSERT INTO adoption (folder, message, document) VALUES (?, ?, ?)",
        (adoption.folder, adoption.source and adoption.source.message, adoption.document),
    )
    return int(cursor.lastrowid or 0)


def finished(connection: sqlite3.Connection, number: int, at: datetime) -> None:
    """Note that a decision was carried out."""
    connection.execute(
        "UPDATE adoption SET done = ? WHERE id = ? AND done IS NULL", (write_moment(at), number)
    )


def unfinished(connection: sqlite3.Connection) -> tuple[Unfinished, ...]:
    """The decisions that may not have been carried out, in their order."""
    rows = connection.execute("SELECT id, document FROM adoption WHERE done IS NULL ORDER BY id").fetchall()
    return tuple(Unfinished(number, _read(document)) for number, document in rows)


def of_folder(connection: sqlite3.Connection, folder: str) -> tuple[Adoption, ...]:
    """Every decision about one application, the newest last."""
    rows = connection.execute("SELECT document FROM adoption WHERE folder = ? ORDER BY id", (folder,))
    return tuple(_read(document) for (document,) in rows.fetchall())


def adopted(connection: sqlite3.Connection) -> Iterator[tuple[Adoption, Source]]:
    """What is adopted now, by the folders that it lies in."""
    rows = connection.execute(
        "SELECT document FROM adoption AS one WHERE message IS NOT NULL AND id = "
        "(SELECT max(id) FROM adoption WHERE folder = one.folder) ORDER BY folder"
    )
    for (document,) in rows.fetchall():
        adoption = _read(document)
        if adoption.source is not None:
            yield adoption, adoption.source


def lapsed(connection: sqlite3.Connection, pairing: str, source: Source, now: datetime) -> str | None:
    """Why a version may not be used any more, as a code; None: grant and terms are in force."""
    if partners.of_pairing(connection, pairing).state is PairingState.ENDED:
        return ENDED
    grant = granted.newest(connection, granted.RECEIVED, source.grant)
    if grant is None:
        return UNKNOWN
    try:
        check_in_force(grant, now)
    except Refused as refusal:
        return refusal.code
    return KEPT_TOO_LONG if now >= source.retain_until else None


def all_lapsed(connection: sqlite3.Connection, now: datetime) -> Iterator[Lapsed]:
    """What is adopted now and may not be used any more."""
    for adoption, source in adopted(connection):
        code = lapsed(connection, adoption.pairing, source, now)
        if code is not None:
            yield Lapsed(adoption.folder, source.version, code)


def _plain(value: Adoption | Source) -> dict[str, Any]:
    named = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: write_moment(one) if isinstance(one, datetime) else one for name, one in named.items()}


def _read(document: bytes) -> Adoption:
    kept: Any = parse(document, most_bytes=len(document), stage=Stage.ENVELOPE)
    source = kept["source"]
    if source is not None:
        source = Source(**{**source, "retain_until": read_moment(source["retain_until"])})
    known = {name: value for name, value in kept.items() if name != "v"}
    return Adoption(**{**known, "source": source, "at": read_moment(kept["at"])})
