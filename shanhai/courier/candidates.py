"""Versions of applications that came from partners, each of which a person may adopt."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shanhai.applications.comparing import Difference, difference
from shanhai.applications.folder import ADOPTED, FOLDER
from shanhai.applications.reading import NOTHING, Contents, executable_digest, read_contents
from shanhai.courier import adoptions, inbox, listings_kept, partners, their_keys, waiting
from shanhai.courier.adoptions import Source
from shanhai.courier.arrived import Arrived
from shanhai.errors import ConfigurationError, DataError, NotFoundError, as_typed
from shanhai.exchange.bodies import read_body
from shanhai.exchange.failures import Refused
from shanhai.exchange.parcels import Parcel
from shanhai.exchange.sets import read_set
from shanhai.storage.disk import disk_errors

Standing = Literal["adopted", "unfinished", "waits", "received"]
"""Used now; decided to be, and cut off before it was; a person has to decide; there, and not used."""

_FEWEST_DIGITS = 4


@dataclass(frozen=True)
class Candidate:
    """One version, in the folder that it was received into.

    Attributes:
        row: the parcel that brought it.
        partner: by name.
    """

    row: Arrived
    partner: str
    source: Source

    @property
    def application(self) -> str:
        """Its name, as the partner's."""
        return self.row.subject or ""

    @property
    def folder(self) -> str:
        """Where it would lie among the adopted ones."""
        return adoptions.folder_of(self.partner, self.application)

    def received_in(self, home: Path) -> Path:
        """Where it waits."""
        return home / (self.row.opened_file or "")

    def adopted_in(self, home: Path) -> Path:
        """Where it is used from, once it is adopted."""
        return home / ADOPTED / self.folder


def candidates(connection: sqlite3.Connection) -> tuple[Candidate, ...]:
    """Everything that came, by application and in the order of its coming."""
    found = [
        _candidate(connection, row)
        for row in inbox.every(connection)
        if (row.opened_file or "").startswith(f"{FOLDER.as_posix()}/")
    ]
    return tuple(sorted(found, key=lambda one: (one.folder, one.row.received, one.row.seq)))


def chosen(connection: sqlite3.Connection, text: str, version: int | None) -> Candidate:
    """The one version that a text means.

    Args:
        text: `<partner>.<application>`, or the first digits of the message that brought it.
        version: of the partner; needed with a name where several versions came. What came twice is the same.

    Raises:
        NotFoundError: none or several are meant.
    """
    every = candidates(connection)
    named = [one for one in every if text == one.folder]
    digits = [one for one in every if len(text) >= _FEWEST_DIGITS and one.row.digest.startswith(text.lower())]
    meant = [one for one in named or digits if version in (None, one.source.version)]
    if len({(one.folder, one.source.version, one.source.listing) for one in meant}) == 1:
        return meant[-1]
    raise NotFoundError(
        "several versions are meant" if meant else "no such version of an application was received",
        given=as_typed(text) if version is None else f"{as_typed(text)}, version {version}",
        allowed=[f"{one.folder} --version {one.source.version}" for one in meant or every] or "none came yet",
        hint="shanhai application list",
    )


def standing_of(connection: sqlite3.Connection, candidate: Candidate) -> Standing:
    """What a person has decided of a version, and whether that was carried out."""
    pending = {one.adoption.folder for one in adoptions.unfinished(connection)}
    decided = adoptions.of_folder(connection, candidate.folder)
    source = decided[-1].source if decided else None
    if source is not None and source.message == candidate.source.message:
        return "unfinished" if candidate.folder in pending else "adopted"
    waits = any(
        (one.kind, one.about) == ("adopt", candidate.row.digest) for one in waiting.open_ones(connection)
    )
    return "waits" if waits else "received"


def contents_of(connection: sqlite3.Connection, candidate: Candidate, home: Path) -> Contents:
    """What was received, read again, which must be what was admitted.

    Raises:
        DataError: it is gone; a file was changed, added or removed since, or whether one may be run.
        StoreError: it cannot be read.
    """
    folder, source = candidate.received_in(home), candidate.source
    if not folder.exists():
        raise DataError(
            "what was received is not there",
            given=folder,
            hint="shanhai receive ends one that was cut off; shanhai parcel open writes what came once more",
        )
    try:
        with disk_errors(folder):
            found = read_contents(folder)
    except (Refused, ConfigurationError) as error:
        raise _changed(folder, str(error.given or error.message)) from error
    if not found.is_that(source.listing, source.executable):
        raise _changed(folder, changes(connection, source, found))
    return found


def changes(connection: sqlite3.Connection, source: Source, now: Contents) -> str:
    """How files differ from those that came, for an error; empty where that was not kept."""
    came = listings_kept.of_message(connection, source.message)
    return "" if came is None else difference(came, now).brief


def contents_at(folder: Path) -> Contents:
    """What lies in an adopted folder now, whoever wrote it; nothing where there is none.

    Raises:
        ConfigurationError, Refused: something is in it that cannot have been adopted.
        StoreError: it cannot be read.
    """
    with disk_errors(folder):
        return read_contents(folder) if folder.is_dir() else NOTHING


def would_change(connection: sqlite3.Connection, candidate: Candidate, home: Path) -> Difference:
    """What adopting a version would change in the folder that is used now.

    Raises:
        As `contents_of`; StoreError also of what is used now.
    """
    after = contents_of(connection, candidate, home)
    try:
        before = contents_at(candidate.adopted_in(home))
    except (Refused, ConfigurationError):
        # Links, or paths that nobody could have sent: somebody else's work, of which nothing is counted.
        before = NOTHING
    return difference(before, after)


def _candidate(connection: sqlite3.Connection, row: Arrived) -> Candidate:
    keyset = their_keys.keyset_of_digest(connection, row.pairing, row.keyset_digest or "")
    statement = read_set(row.statement or b"", keyset=keyset, digest=None)
    content = read_body(row.body or b"", statement).content
    if not isinstance(content, Parcel):
        raise AssertionError("an application comes in a parcel")
    return Candidate(
        row=row,
        partner=partners.of_pairing(connection, row.pairing).name,
        source=Source(
            message=row.digest,
            version=int(row.version or 0),
            set_id=statement.set,
            listing=row.opened_sha256 or "",
            # Of one that came before this was recorded, nothing may be run.
            executable=row.executable or executable_digest(()),
            grant=content.terms.grant,
            retain_until=content.terms.retain_until,
        ),
    )


def _changed(folder: Path, how: str) -> DataError:
    return DataError(
        "the files are not the ones that were received",
        given=f"{folder}: {how}" if how else folder,
        allowed="the files whose listing was admitted, and as they could be run",
        hint="look who changed them; shanhai parcel open writes what came once more",
    )
