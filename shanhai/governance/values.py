"""What policy is asked about, and what it answers: frozen values, without a word of how they were got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shanhai.contracts.model import Column, ShareClass
from shanhai.governance.shape import Shape
from shanhai.governance.subjects import Counted

Onward = Literal["none", "named", "open"]
"""May the recipient pass it on: to nobody, to nodes that the owner names, to anybody."""
ONWARD: tuple[Onward, ...] = ("none", "named", "open")

PairingState = Literal["offered", "accepted", "confirmed", "active", "suspended", "ended"]
DataState = Literal["stands", "held", "withdrawn"]
SubjectKind = Literal["dataset", "application"]


@dataclass(frozen=True, order=True)
class SubjectId:
    """What a grant is about: a dataset `<district>.<name>`, or a folder of files, an application."""

    kind: SubjectKind
    name: str


@dataclass(frozen=True)
class Received:
    """The terms under which we got somebody else's data; `named` are nodes that the owner lets us pass to."""

    onward: Onward
    named: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subject:
    """The thing itself, as its contract, the ledger and the receipts tell.

    Args:
        columns: all of it, of a derived table with the highest classification of their sources.
        counts_people: its rows are groups of people, so that k-anonymity is not optional.
        received: None for what is our own.
    """

    id: SubjectId
    share_class: ShareClass
    columns: tuple[Column, ...]
    state: DataState = "stands"
    counts_people: bool = False
    received: Received | None = None


@dataclass(frozen=True)
class Terms:
    """What a parcel would say to its recipient."""

    purpose: str
    share_class: ShareClass
    onward: Onward
    retain_until: datetime


@dataclass(frozen=True)
class Request:
    """One release that somebody proposes.

    Args:
        version: of the dataset, or the number of the publication.
        recipient: id of the node, 64 hex digits.
        readable: columns of the shape whose keys the recipient would get; a set may have more.
        releaser: who proposes it, by name.
        approver: who agreed, by name; None: nobody yet.
    """

    subject: SubjectId
    version: int
    recipient: str
    shape: Shape
    readable: tuple[str, ...]
    terms: Terms
    releaser: str
    approver: str | None = None


class Grant(Protocol):
    """What policy reads of the owner's statement; columns are None for applications."""

    @property
    def grantee(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[str] | None: ...
    @property
    def row_filter(self) -> str | None: ...
    @property
    def masks(self) -> Mapping[str, str]: ...
    @property
    def purpose(self) -> str: ...
    @property
    def share_class(self) -> str: ...
    @property
    def onward(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...
    @property
    def retention_days(self) -> int: ...
    @property
    def revoked(self) -> bool: ...
    @property
    def k(self) -> int | None: ...


@dataclass(frozen=True)
class Case:
    """Everything that a decision rests on.

    Args:
        sent: versions of the subject that the recipient has been sent before, under any grant.
        counted: what was measured of this release; None: nothing.
        now: aware.
    """

    request: Request
    subject: Subject
    grant: Grant | None
    pairing: PairingState
    now: datetime
    sent: frozenset[int] = frozenset()
    counted: Counted | None = None
