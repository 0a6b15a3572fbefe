"""The folder of an application as something to release: its files as rows, its listing as its identity."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shanhai.applications.reading import sources
from shanhai.contracts.model import Column, ShareClass
from shanhai.courier import sets
from shanhai.courier.subjects import Releasable
from shanhai.errors import ConfigurationError, DataError, NotFoundError
from shanhai.exchange.folders import Listed, batches, parts
from shanhai.exchange.listings import listing_digest
from shanhai.exchange.subjects import APPLICATION, Subject
from shanhai.governance.values import Data
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
    version: int | None = None,
) -> Releasable:
    """A folder of files as a version of an application.

    Args:
        share_class: what its owner says; an application has no contract that could.
        version: None for the one that has these very files, else one more than the newest.

    Raises:
        ConfigurationError: no name of an application, or something in the folder is neither file nor folder.
        NotFoundError: there is no such folder, or no file in it.
        Refused: a path that no recipient would take.
        StoreError: the folder cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError("not the name of an application", given=ascii(name), allowed=_NAME.pattern)
    with disk_errors(folder):
        listing = _read(folder)
    if not listing:
        raise NotFoundError("there is no file to release", given=folder)
    digest, subject = listing_digest(listing), Subject(APPLICATION, name)
    return Releasable(
        data=Data(subject=subject, share_class=share_class, columns=COLUMNS),
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


def _version(connection: sqlite3.Connection, subject: Subject, digest: str) -> int:
    known = sets.of_subject(connection, subject)
    same = [one.version for one in known if one.described.listing == digest]
    return max(same) if same else 1 + max((one.version for one in known), default=0)


def _no_earlier(version: int) -> str:
    raise NotFoundError("no rows of an earlier version are kept", given=version)
