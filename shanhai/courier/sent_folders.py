"""The folder of an application as something to release: its files as rows, its listing as its identity."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.applications.reading import sources
from shanhai.contracts.model import Column, ShareClass
from shanhai.courier import adoptions, granted, releases, sets
from shanhai.courier.candidates import Candidate, candidates
from shanhai.courier.subjects import Releasable
from shanhai.errors import ConfigurationError, DataError, NotFoundError, as_typed
from shanhai.exchange.folders import Listed, batches, parts
from shanhai.exchange.grants import ONWARD
from shanhai.exchange.listings import listing_digest
from shanhai.exchange.subjects import APPLICATION, Subject
from shanhai.governance.derived import derived_received
from shanhai.governance.values import Data, Received
from shanhai.storage.disk import disk_errors

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    Column(name="path", source="path", type="string"),
    Column(name="mode", source="mode", type="integer"),
    Column(name="part", source="part", type="integer"),
    Column(name="content", source="content", type="string"),
)
"""The columns of every application, which is had whole; the content is bytes."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def find_folder(
    connection: sqlite3.Connection,
    name: str,
    folder: Path,
    *,
    share_class: ShareClass,
    now: datetime,
    version: int | None = None,
) -> Releasable:
    """A folder of files as a version of an application.

    The very files that a partner sent go on under the terms under which they came, wherever they lie now.

    Args:
        share_class: what its owner says; an application has no contract that could.
        version: None for the one that has these very files, else one more than the newest.

    Raises:
        ConfigurationError: no name of an application; something in the folder is neither file nor folder, or
            no recipient would take it.
        NotFoundError: there is no such folder, or no file in it.
        StoreError: the folder cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            "not the name of an application", given=as_typed(name), allowed=_NAME.pattern
        )
    with disk_errors(folder):
        listing = _read(folder)
    if not listing:
        raise NotFoundError("there is no file to release", given=folder)
    digest, subject = listing_digest(listing), Subject(APPLICATION, name)
    return Releasable(
        data=Data(
            subject=subject,
            share_class=share_class,
            columns=COLUMNS,
            received=_received(connection, subject, digest, now),
        ),
        version=_version(connection, subject, digest) if version is None else version,
        relation="",
        earlier=_no_earlier,
        contract=None,
        lineage={"listing": digest},
        quality={"files": len(listing), "bytes": sum(one.size for one in listing)},
        folder=folder,
        listing=digest,
        parts=sum(one.parts for one in listing),
    )


@contextmanager
def folder_rows(found: Releasable, folder: Path) -> Iterator[pa.RecordBatchReader]:
    """The rows of an application, which must still be what was listed when the last one is taken.

    Raises:
        DataError: a file changed meanwhile; whatever was made of the rows is worth nothing.
    """
    listing: list[Listed] = []
    with disk_errors(folder):
        yield batches(parts(sources(folder), listing.append))
    if listing_digest(listing) != found.listing:
        raise DataError(
            "the folder changed while it was read",
            given=folder,
            hint="release it again when nobody works in it",
        )


def _read(folder: Path) -> list[Listed]:
    listing: list[Listed] = []
    for _ in parts(sources(folder), listing.append):
        pass
    return listing


def _received(
    connection: sqlite3.Connection, subject: Subject, digest: str, now: datetime
) -> Received | None:
    """The least that whoever sent these files lets us do; None where nobody did, or they were ours before."""
    came = [one for one in candidates(connection) if one.source.listing == digest]
    first = min((one.row.received for one in came), default=now)
    ours = (
        release
        for kept in sets.of_subject(connection, subject)
        if kept.described.listing == digest
        for release in releases.of_set(connection, kept.set_id)
    )
    # A partner who sends us back what we gave it does not become its owner.
    if any(release.at < first for release in ours):
        return None
    return derived_received(_condition(connection, one, now) for one in came)


def _condition(connection: sqlite3.Connection, one: Candidate, now: datetime) -> Received:
    grant = granted.newest(connection, granted.RECEIVED, one.source.grant)
    if grant is None:
        return Received(ONWARD[0], stands=False)
    return Received(
        grant.onward,
        purpose=grant.purpose,
        retain_until=one.source.retain_until,
        stands=adoptions.lapsed(connection, one.row.pairing, one.source, now) is None,
    )


def _version(connection: sqlite3.Connection, subject: Subject, digest: str) -> int:
    known = sets.of_subject(connection, subject)
    same = [one.version for one in known if one.described.listing == digest]
    return max(same) if same else 1 + max((one.version for one in known), default=0)


def _no_earlier(version: int) -> str:
    raise NotFoundError("no rows of an earlier version are kept", given=version)
