"""Which version the newest one means in a release: one that left before, where its rows are the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from shanhai.courier import releases, sets
from shanhai.courier.subjects import Releasable, find, has_same_rows
from shanhai.ingest.node import Node


def as_it_left(node: Node, connection: sqlite3.Connection, pairing: str, found: Releasable) -> Releasable:
    """What is to be released where somebody asks for the newest version of a dataset or a mart.

    A delivery that is held makes a version of its table, and each publication one of every mart. Taken by its
    number, such a version would be sealed and sent once more, row by row the same. So one that left is meant
    as long as nothing brought or took a row since, and what it is made of stands: first what this partner
    had, and then what anybody had, whose set would serve it.

    Args:
        found: the newest version.

    Raises:
        NotFoundError, StoreError: as `find`.
    """
    for version in _left(connection, pairing, found):
        if version >= found.version:
            return found
        if has_same_rows(node, found, version):
            before = find(node, connection, found.subject.name, version)
            if before.data.state == "stands":
                return before
    return found


def _left(connection: sqlite3.Connection, pairing: str, found: Releasable) -> Iterator[int]:
    """The newest version that this partner had, and the newest of which there is a set."""
    had = [one.version for one in releases.every(connection, pairing) if one.subject == found.subject]
    made = [one.version for one in sets.sealed(connection, found.subject)]
    yield from (max(versions) for versions in (had, made) if versions)
