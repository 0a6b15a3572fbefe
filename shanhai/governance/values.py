"""What policy is asked about: frozen values, without a word of how they were got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shanhai.contracts.model import Column, ShareClass
from shanhai.exchange.grants import Grant, Terms
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.subjects import Subject
from shanhai.governance.shape import Shape
from shanhai.governance.subjects import Counted, Measure

DataState = Literal["stands", "held", "withdrawn"]


@dataclass(frozen=True)
class Received:
    """The terms under which we got somebody else's data: conditions of passing it on.

    Args:
        named: nodes that the owner lets us pass to.
        purpose: for which we have it; None: the owner stated none.
        retain_until: by when we have to delete it; None: never.
        stands: whether the owner's grant is in force still.
    """

    onward: str
    named: frozenset[str] = frozenset()
    purpose: str | None = None
    retain_until: datetime | None = None
    stands: bool = True


@dataclass(frozen=True)
class Data:
    """What a subject is, as its contract, the ledger and the receipts tell.

    Args:
        columns: all of it, of a derived table with the highest classification of their sources.
        counts_people: its rows are groups of people, so that k-anonymity is not optional.
        received: None for what is our own.
        key: names of the columns that tell its rows apart; none of what has no contract of its own.
    """

    subject: Subject
    share_class: ShareClass
    columns: tuple[Column, ...]
    state: DataState = "stands"
    counts_people: bool = False
    received: Received | None = None
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One release that somebody proposes.

    Args:
        version: of the dataset, or the number of the publication.
        recipient: id of the node, 64 hex digits.
        terms: what the parcel would say; its columns are those whose keys the recipient would get.
        releaser: who proposes it, by name.
        approver: who agreed, by name; None: nobody yet.
        order: the columns by which the rows of the set are ordered; None: all of the shape.
    """

    subject: Subject
    version: int
    recipient: str
    shape: Shape
    terms: Terms
    releaser: str
    approver: str | None = None
    order: tuple[str, ...] | None = None

    @property
    def measure(self) -> Measure:
        """What was, or would have to be, counted of it."""
        return self.version, self.shape.shape_id


@dataclass(frozen=True)
class Case:
    """Everything that a decision rests on.

    Args:
        grant: the newest revision of the one that the release would be under; None: there is none.
        sent: what the recipient has been sent of the subject before, under any grant: versions, each with
            the shape in which it was.
        read: the columns that it has already of this very measure, under any grant: its rows are the same,
            and those of one set can be laid side by side.
        others: grants of the subject to other nodes, or of other columns to this one; one set serves all.
        counted: what was measured of this release; None: nothing.
        now: aware.
    """

    request: Request
    data: Data
    grant: Grant | None
    pairing: PairingState
    now: datetime
    sent: frozenset[Measure] = frozenset()
    read: frozenset[str] = frozenset()
    others: tuple[Grant, ...] = ()
    counted: Counted | None = None


def terms_of(shape: Shape, grant: Grant, columns: Sequence[str], *, retain_until: datetime) -> Terms:
    """The terms of a parcel that has some columns of a set in this shape, as the grant states them.

    They say what the shape does to these columns; whether that is what was granted, policy decides.
    """
    return Terms(
        grant=grant.id,
        rev=grant.rev,
        purpose=grant.purpose,
        share_class=grant.share_class,
        onward=grant.onward,
        retain_until=retain_until,
        columns=tuple(columns),
        masks={name: shape.masks[name] for name in columns if name in shape.masks},
        row_filter=shape.row_filter.text if shape.row_filter else None,
    )
