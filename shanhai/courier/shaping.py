"""The shape that a release gets: that of a set which serves already, or one that serves others, too."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shanhai.courier import granted, partners, sealing, sets
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.sets import KeptSet
from shanhai.courier.subjects import Releasable
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import Grant
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.sets import read_set
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import Shape, read_shape
from shanhai.ingest.node import Node


@dataclass(frozen=True)
class Wanted:
    """What a release asks of a set.

    Attributes:
        partner: who is to have it.
        found: what it is of, in one version, with its columns.
        grant: under which; None: there is none, as policy will say.
        columns: those that the partner is to read, in the order of the contract.
        now: the moment by which grants are in force.
    """

    partner: Partner
    found: Releasable
    grant: Grant | None
    columns: tuple[str, ...]
    now: datetime

    @property
    def guarded(self) -> frozenset[str]:
        """The columns that nobody is given by the way: core and personal ones."""
        every = self.found.data.columns
        return frozenset(one.name for one in every if one.personal or one.classification == "core")


def shaped(
    node: Node, connection: sqlite3.Connection, wanted: Wanted
) -> tuple[KeptSet | None, Shape, tuple[str, ...]]:
    """A set that serves, its shape and the columns its rows are ordered by; else those of a new set.

    Raises:
        ShapeRefusedError: a new set is needed, and the grant names what no shape can have.
    """
    reused, shape = _serving(node, connection, wanted)
    if reused is not None and shape is not None:
        return reused, shape, reused.described.order
    return None, *_new_shape(connection, wanted)


def _serving(
    node: Node, connection: sqlite3.Connection, wanted: Wanted
) -> tuple[KeptSet, Shape] | tuple[None, None]:
    """A set of this version in a shape that serves, whose files can still be had.

    Each of its columns is granted to somebody still, and the core and personal ones to this recipient.
    """
    found, grant, columns = wanted.found, wanted.grant, set(wanted.columns)
    if grant is None:
        return None, None
    named = {*columns, *(grant.columns or ()), *_named_by_others(connection, found, grant, wanted.now)}
    named -= wanted.guarded - columns
    keyset = keyring_of(node.home).keyset()
    for kept in sets.sealed(connection, found.subject, found.version):
        shape = shape_of(kept, found)
        same = kept.described.listing == found.listing and set(kept.described.order) <= columns
        if shape is None or not same or not _serves(shape, grant, wanted.columns):
            continue
        if not set(shape.names) <= named:
            continue
        if _is_there(node, connection, kept, wanted.partner) and _is_signed(kept, keyset):
            return kept, shape
    return None, None


def shape_of(kept: KeptSet, found: Releasable) -> Shape | None:
    """The shape of a set, if the columns are still what they were."""
    described = kept.described
    try:
        shape = _read(found, described.columns, described.row_filter, described.masks)
    except ShapeRefusedError:
        return None
    return shape if shape.shape_id == described.shape_id else None


def _serves(shape: Shape, grant: Grant, columns: Sequence[str]) -> bool:
    text = shape.row_filter.text if shape.row_filter else None
    masked = all(shape.masks.get(name) == grant.masks.get(name) for name in columns)
    return text == grant.row_filter and set(columns) <= set(shape.names) and masked


def _is_there(node: Node, connection: sqlite3.Connection, kept: KeptSet, partner: Partner) -> bool:
    """Whether the files lie here, or at the partner's relay."""
    folder = sealing.folder_of(node.home, kept.set_id)
    return all(
        partner.pairing in file.uploaded_to or (folder / file.name).is_file()
        for file in sets.files(connection, kept.set_id)
    )


def _is_signed(kept: KeptSet, keyset: Keyset) -> bool:
    """Whether the newest keyset, by which recipients judge, still has the keys that signed the set."""
    try:
        read_set(kept.statement, keyset=keyset, digest=kept.digest)
    except Refused:
        return False
    return True


def _new_shape(connection: sqlite3.Connection, wanted: Wanted) -> tuple[Shape, tuple[str, ...]]:
    """What is granted to this recipient, and beside it what was granted to others, where one set serves all.

    Core and personal columns of others stay out: they leave when somebody releases them. The second value
    are the columns that all of them read: rows may be ordered by these alone, since an order tells the ranks
    of what it is by.

    Raises:
        ShapeRefusedError: the grant names what no shape can have.
    """
    found, grant, columns = wanted.found, wanted.grant, wanted.columns
    own = {name: grant.masks[name] for name in columns if grant and name in grant.masks}
    row_filter = grant.row_filter if grant else None
    names, masks, common = set(columns), dict(own), set(columns)
    shared = grant is not None and found.folder is None
    for other in _others(connection, found, row_filter, wanted.now) if shared else ():
        granted_to_other = set(other.columns or ())
        if all(masks.get(name) == other.masks.get(name) for name in names & granted_to_other):
            names |= granted_to_other - wanted.guarded
            common &= granted_to_other
            masks |= {name: action for name, action in other.masks.items() if name in names}
    wide = [column.name for column in found.data.columns if column.name in names]
    with contextlib.suppress(ShapeRefusedError):
        if set(columns) <= set(wide):
            known = {name: action for name, action in masks.items() if name in wide}
            shape = _read(found, wide, row_filter, known)
            return shape, tuple(name for name in wide if name in common)
    # Whatever is wrong with a grant of somebody else is not this recipient's matter.
    shape = _read(found, columns, row_filter, own)
    return shape, shape.names


def _read(found: Releasable, names: Sequence[str], row_filter: str | None, masks: Mapping[str, str]) -> Shape:
    data = found.data
    return read_shape(data.columns, names=names, row_filter=row_filter, masks=masks, key=data.key)


def _named_by_others(
    connection: sqlite3.Connection, found: Releasable, grant: Grant, now: datetime
) -> set[str]:
    every = granted.others(connection, found.subject, grant.id)
    return {name for one in every if granted.is_in_force(one, now) for name in one.columns or ()}


def _others(
    connection: sqlite3.Connection, found: Releasable, row_filter: str | None, now: datetime
) -> Iterator[Grant]:
    """The grants of the same rows of this subject to anybody that are in force."""
    every: Iterable[Grant] = (
        grant
        for partner in partners.every(connection)
        if partner.state is not PairingState.ENDED
        for grant in granted.given(connection, partner.pairing, found.subject)
    )
    for grant in sorted(every, key=lambda one: one.id):
        if granted.is_in_force(grant, now) and grant.row_filter == row_filter:
            yield grant
