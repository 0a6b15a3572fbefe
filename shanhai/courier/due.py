"""What should leave by itself: what a grant in force names, in a version that did not leave under it yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from shanhai.contracts.model import ShareClass
from shanhai.courier import granted, partners, releases
from shanhai.courier.partners import Partner
from shanhai.courier.planning import Ask
from shanhai.courier.releases import Release
from shanhai.courier.sent_folders import find_folder
from shanhai.courier.subjects import MARTS
from shanhai.errors import ConfigurationError, DataError, DeniedError, StoreError
from shanhai.exchange.grants import Grant
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.subjects import APPLICATION
from shanhai.ids import DatasetId
from shanhai.ingest.node import Node
from shanhai.ingest.unseen import has_other_rows
from shanhai.warehouse.publications import publications

OFFERED = Path("applications", "offered")
"""Where a home keeps the applications that follow their grants: `<application>/`."""


def due(node: Node, connection: sqlite3.Connection, name: str, now: datetime) -> Iterator[Ask]:
    """What to ask for, each under its own grant, while the pairing is active; no key is opened.

    One after the other: whoever asks only whether there is any looks no further than the first. All files of
    an application are read for it.

    Of a dataset those versions of its table count that brought or took rows, of a mart those of its own
    table: a publication that leaves it as it was brings nothing new. An application counts by its files, if
    it lies below `OFFERED`. What left and was refused by the partner is not due: whether the same should go
    again is for a person to say. What cannot be looked at is due: its release finds the same, and says so
    without stopping any other.

    Raises:
        NotFoundError: there is no such partner.
    """
    partner = partners.named(connection, name)
    if partner.state is not PairingState.ACTIVE or partner.frozen is not None:
        return
    left = releases.every(connection, partner.pairing)
    for grant in granted.given(connection, partner.pairing):
        if granted.is_in_force(grant, now) and _may_be_due(node, connection, grant, left):
            yield _ask(node, partner, grant)


def _ask(node: Node, partner: Partner, grant: Grant) -> Ask:
    name = grant.subject.name
    if grant.subject.kind != APPLICATION:
        return Ask(name, partner.name, grant=grant.id)
    share_class: ShareClass = "unconditional" if grant.share_class == "unconditional" else "conditional"
    return Ask(name, partner.name, grant=grant.id, folder=node.home / OFFERED / name, share_class=share_class)


def _may_be_due(node: Node, connection: sqlite3.Connection, grant: Grant, left: tuple[Release, ...]) -> bool:
    try:
        return _is_due(node, connection, grant, left)
    except (ConfigurationError, DeniedError, DataError, StoreError):
        return True


def _is_due(node: Node, connection: sqlite3.Connection, grant: Grant, left: tuple[Release, ...]) -> bool:
    under_it = [one for one in left if (one.grant, one.rev) == (grant.id, grant.rev)]
    name = grant.subject.name
    if grant.subject.kind == APPLICATION:
        return _has_other_files(node, connection, name, under_it)
    if name.startswith(f"{MARTS}."):
        published = _mart_version(node, name.removeprefix(f"{MARTS}."))
        return published is not None and published not in [one.counts["lineage"]["mart"] for one in under_it]
    after = max((one.version for one in under_it), default=-1)
    return has_other_rows(node, DatasetId.parse(name), after=after)


def _has_other_files(node: Node, connection: sqlite3.Connection, name: str, left: list[Release]) -> bool:
    folder = node.home / OFFERED / name
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    found = find_folder(connection, name, folder, share_class="conditional", now=node.clock())
    return found.version not in [one.version for one in left]


def _mart_version(node: Node, mart: str) -> int | None:
    """The version of the mart's own table in the newest publication; None: it is not in it."""
    latest = max(publications(node.settings), key=lambda one: one.number, default=None)
    found = [one.version for one in latest.marts if one.name == mart] if latest else []
    return found[0] if found else None
