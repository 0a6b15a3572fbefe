"""What a release would be: grant, shape, terms, what every rule says, and whether a set is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from shanhai.contracts.model import ShareClass
from shanhai.courier import granted, outbox, partners, releases, sets
from shanhai.courier.partners import Partner
from shanhai.courier.releases import Release
from shanhai.courier.scanning import count_people, count_rows
from shanhai.courier.sent_folders import find_folder
from shanhai.courier.sets import KeptSet
from shanhai.courier.shaping import Wanted, shape_of, shaped
from shanhai.courier.subjects import Releasable, find
from shanhai.courier.unchanged import as_it_left
from shanhai.errors import ConfigurationError, NotFoundError, as_typed
from shanhai.exchange.grants import ONWARD, Grant, Terms
from shanhai.exchange.pairing_states import PairingState
from shanhai.exchange.receipts import REFUSED
from shanhai.governance.leaving import Leaving, dry_run
from shanhai.governance.policy import Decision, decide
from shanhai.governance.shape import Shape
from shanhai.governance.subjects import Counted, Measure
from shanhai.governance.values import Case, Request, terms_of
from shanhai.ingest.node import Node

_NOTHING_GRANTED = timedelta(days=1)


@dataclass(frozen=True)
class Ask:
    """What a person asks to be released.

    Attributes:
        subject: `<district>.<dataset>` or `marts.<mart>`; the name of an application.
        partner: its name here.
        version: None for the newest, or the one with the same rows that left before.
        grant: the beginning of a grant's id; needed only where several are in force.
        columns: fewer than were granted; None for all of those.
        keep_days: fewer than were granted; None for as many.
        people: the column that says who, where the grant wants groups of people.
        approver: who agreed, by name.
        folder: of the application; None for data.
        share_class: of an application, which has no contract that says it.
    """

    subject: str
    partner: str
    version: int | None = None
    grant: str | None = None
    columns: tuple[str, ...] | None = None
    keep_days: int | None = None
    people: str | None = None
    approver: str | None = None
    folder: Path | None = None
    share_class: ShareClass = "conditional"


@dataclass(frozen=True)
class Plan:
    """What would leave, and what every rule says of it.

    Attributes:
        order: the columns by which rows are ordered; all who may have the set read them.
        reused: a set that serves already, so that a message would be all.
        earlier: the same release, which was made before and is not made again.
    """

    found: Releasable
    partner: Partner
    case: Case
    decision: Decision
    leaving: Leaving
    order: tuple[str, ...]
    reused: KeptSet | None
    earlier: Release | None

    @property
    def shape(self) -> Shape:
        """Columns, masks and rows of the set."""
        return self.case.request.shape

    @property
    def terms(self) -> Terms:
        """What the parcel would say."""
        return self.case.request.terms

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: columns, masks, counts and words of rules, and no value of any row."""
        terms = self.terms
        return {
            "subject": self.found.subject.name,
            "version": self.found.version,
            "partner": self.partner.name,
            "grant": {"id": terms.grant, "rev": terms.rev} if self.case.grant else None,
            "terms": {
                "purpose": terms.purpose,
                "share_class": terms.share_class,
                "onward": terms.onward,
                "retain_until": terms.retain_until,
            },
            "leaving": self.leaving.as_dict(),
            "ordered_by": list(self.order),
            "set": self.reused.set_id if self.reused else None,
            "released_before": self.earlier.at if self.earlier else None,
            "decision": self.decision.as_dict(),
        }


def plan(node: Node, connection: sqlite3.Connection, ask: Ask, *, who: str, now: datetime) -> Plan:
    """Work out a release without making anything: no key is opened, and nothing is written.

    Raises:
        NotFoundError: no such partner, subject, version, grant or column.
        ConfigurationError: several grants are in force, and none is named.
        ShapeRefusedError: a grant that no shape can keep to, since columns or their types are others now.
        StoreError: the version cannot be read.
    """
    partner = partners.named(connection, ask.partner)
    found = _found(node, connection, ask, partner, now)
    _check_columns(found, *(ask.columns or ()), *([] if ask.people is None else [ask.people]))
    grant = _grant(granted.given(connection, partner.pairing, found.subject), ask.grant, partner, now)
    _check_whole(found, grant, ask)
    columns = _columns(found, grant, ask.columns)
    wanted = Wanted(partner, found, grant, columns, now)
    reused, shape, order = shaped(node, connection, wanted)
    read = releases.read(connection, partner.pairing, found.subject, (found.version, shape.shape_id))
    counted = _counted(node, connection, wanted, shape, read.union(columns), people=ask.people)
    case = Case(
        request=Request(
            subject=found.subject,
            version=found.version,
            recipient=partner.node or "",
            shape=shape,
            terms=_terms(found, shape, grant, columns, now, ask.keep_days),
            releaser=who,
            approver=ask.approver,
            order=order,
        ),
        data=found.data,
        grant=grant,
        pairing=partner.state,
        now=now,
        sent=frozenset(releases.sent(connection, partner.pairing, found.subject)),
        read=read,
        others=() if grant is None else granted.others(connection, found.subject, grant.id),
        counted=counted,
    )
    rows = count_rows(node.settings, found, shape)
    return Plan(
        found=found,
        partner=partner,
        case=case,
        decision=decide(case),
        leaving=dry_run(shape, found.data.columns, readable=columns, counted=rows),
        order=order,
        reused=reused,
        earlier=None if grant is None else earlier(connection, case, partner.pairing)[0],
    )


def _found(
    node: Node, connection: sqlite3.Connection, ask: Ask, partner: Partner, now: datetime
) -> Releasable:
    if ask.folder is None:
        found = find(node, connection, ask.subject, ask.version)
        return found if ask.version is not None else as_it_left(node, connection, partner.pairing, found)
    share, version = ask.share_class, ask.version
    return find_folder(connection, ask.subject, ask.folder, share_class=share, now=now, version=version)


def _check_columns(found: Releasable, *named: str) -> None:
    """See that each is a column: what is mistyped is not denied."""
    known = [column.name for column in found.data.columns]
    for name in named:
        if found.folder is None and name not in known:
            raise NotFoundError("no such column", given=as_typed(name), allowed=known)


def _check_whole(found: Releasable, grant: Grant | None, ask: Ask) -> None:
    """An application crosses whole: nothing could filter its rows without breaking its files."""
    if found.folder is not None and (ask.columns or (grant and grant.row_filter)):
        raise ConfigurationError(
            "an application is had whole", given="columns or a row filter", allowed="neither"
        )


def earlier(connection: sqlite3.Connection, case: Case, pairing: str) -> tuple[Release | None, str]:
    """The same release if it was made and the partner did not refuse it, and the id that it gets."""
    request, attempt = case.request, 0
    while True:
        identity = releases.release_id(
            pairing,
            request.subject,
            request.version,
            (request.terms.grant, request.terms.rev),
            request.terms.columns,
            attempt,
        )
        found = releases.by_id(connection, identity)
        message = outbox.by_digest(connection, found.message) if found else None
        if message is None or message.outcome != REFUSED:
            return found, identity
        attempt += 1


def _grant(known: Sequence[Grant], wanted: str | None, partner: Partner, now: datetime) -> Grant | None:
    """The grant that is meant; where none is in force, the one that policy is to say what is wrong with.

    That is the one that ends last, and one that was revoked only where all were.
    """
    if wanted is not None:
        meant = [grant for grant in known if grant.id.startswith(wanted)]
        if len(meant) != 1:
            raise NotFoundError(
                "no such grant" if not meant else "several grants begin like this",
                given=wanted,
                allowed=[grant.id for grant in known] or "none",
            )
        return meant[0]
    ended = partner.state is PairingState.ENDED
    in_force = [] if ended else [grant for grant in known if granted.is_in_force(grant, now)]
    if len(in_force) > 1:
        raise ConfigurationError(
            "several grants are in force",
            given=in_force[0].subject.name,
            allowed=[f"{grant.id} ({grant.purpose})" for grant in in_force],
            hint="name one: --grant",
        )
    return in_force[0] if in_force else max(known, key=lambda one: (not one.revoked, one.until), default=None)


def _columns(found: Releasable, grant: Grant | None, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that the recipient would read, in the order of the contract; unknown ones at the end."""
    stated = wanted or (grant.columns if grant else None) or [column.name for column in found.data.columns]
    known = [column.name for column in found.data.columns]
    return tuple(
        sorted(dict.fromkeys(stated), key=lambda name: known.index(name) if name in known else len(known))
    )


def _terms(
    found: Releasable,
    shape: Shape,
    grant: Grant | None,
    columns: Sequence[str],
    now: datetime,
    keep_days: int | None,
) -> Terms:
    if grant is not None:
        days = timedelta(days=grant.retention_days if keep_days is None else keep_days)
        return terms_of(shape, grant, columns, retain_until=now + days)
    return Terms(
        grant="",
        rev=0,
        purpose="",
        share_class=found.data.share_class,
        onward=ONWARD[0],
        retain_until=now + _NOTHING_GRANTED,
        columns=tuple(columns),
        masks={},
        row_filter=None,
    )


def _counted(
    node: Node,
    connection: sqlite3.Connection,
    wanted: Wanted,
    shape: Shape,
    columns: frozenset[str],
    *,
    people: str | None,
) -> Counted | None:
    """What is measured, where somebody says who is meant, over all columns that the partner would have."""
    if people is None:
        return None
    return count_people(
        node.settings,
        wanted.found,
        shape,
        people=people,
        columns=[name for name in shape.names if name in columns],
        sent=_sent(connection, wanted.partner, wanted.found),
    )


def _sent(connection: sqlite3.Connection, partner: Partner, found: Releasable) -> dict[Measure, Shape]:
    """What the partner has, in shapes that can be made of the columns as they are now."""
    known: dict[Measure, Shape] = {}
    for measure, set_id in releases.sent(connection, partner.pairing, found.subject).items():
        kept = sets.by_id(connection, set_id)
        shape = None if kept is None else shape_of(kept, found)
        if shape is not None:
            known[measure] = shape
    return known
