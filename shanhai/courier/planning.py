"""What a release would be: the grant, the shape, the terms, what every rule says, and whether a set is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shanhai.courier import granted, outbox, partners, releases, sealing, sets
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.partners import Partner
from shanhai.courier.releases import Release
from shanhai.courier.scanning import count_people, count_rows
from shanhai.courier.sets import KeptSet
from shanhai.courier.subjects import Releasable, find
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.exchange.failures import Refused
from shanhai.exchange.grants import ONWARD, Grant, Terms
from shanhai.exchange.keysets import Keyset
from shanhai.exchange.receipts import REFUSED
from shanhai.exchange.sets import read_set
from shanhai.governance.leaving import Leaving, dry_run
from shanhai.governance.policy import Decision, decide
from shanhai.governance.refusals import ShapeRefusedError
from shanhai.governance.shape import Shape, read_shape
from shanhai.governance.subjects import Counted
from shanhai.governance.values import Case, Request, terms_of
from shanhai.ingest.node import Node

_NOTHING_GRANTED = timedelta(days=1)


@dataclass(frozen=True)
class Ask:
    """What a person asks to be released.

    Attributes:
        subject: `<district>.<dataset>` or `marts.<mart>`.
        partner: its name here.
        version: None for the newest.
        grant: the beginning of a grant's id; needed only where several are in force.
        columns: fewer than were granted; None for all of those.
        keep_days: fewer than were granted; None for as many.
        people: the column that says who, where the grant wants groups of people.
        approver: who agreed, by name.
    """

    subject: str
    partner: str
    version: int | None = None
    grant: str | None = None
    columns: tuple[str, ...] | None = None
    keep_days: int | None = None
    people: str | None = None
    approver: str | None = None


@dataclass(frozen=True)
class Plan:
    """What would leave, and what every rule says of it.

    Attributes:
        reused: a set that serves already, so that a message would be all.
        earlier: the same release, which was made before and is not made again.
    """

    found: Releasable
    partner: Partner
    case: Case
    decision: Decision
    leaving: Leaving
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
            "set": self.reused.set_id if self.reused else None,
            "released_before": self.earlier.at if self.earlier else None,
            "decision": self.decision.as_dict(),
        }


def plan(node: Node, connection: sqlite3.Connection, ask: Ask, *, who: str, now: datetime) -> Plan:
    """Work out a release without making anything: no key is opened, and nothing is written.

    Raises:
        NotFoundError: no such partner, subject, version or grant.
        ConfigurationError: several grants are in force, and none is named; or no column is called as `people`.
        ShapeRefusedError: a grant that no shape can keep to, since columns or their types are others now.
        StoreError: the version cannot be read.
    """
    partner = partners.named(connection, ask.partner)
    found = find(node, connection, ask.subject, ask.version)
    grant = _grant(granted.given(connection, partner.pairing, found.subject), ask.grant, now)
    columns = _columns(found, grant, ask.columns)
    reused, shape = _serving(node, connection, partner, found, grant, columns)
    if shape is None:
        shape = _new_shape(connection, found, grant, columns, now)
    counted = _counted(node, connection, ask, partner, found, shape, columns, grant)
    case = Case(
        request=Request(
            subject=found.subject,
            version=found.version,
            recipient=partner.node or "",
            shape=shape,
            terms=_terms(found, shape, grant, columns, now, ask.keep_days),
            releaser=who,
            approver=ask.approver,
        ),
        data=found.data,
        grant=grant,
        pairing=partner.state,
        now=now,
        sent=releases.versions_sent(connection, partner.pairing, found.subject),
        counted=counted,
    )
    rows = count_rows(node.settings, found, shape)
    return Plan(
        found=found,
        partner=partner,
        case=case,
        decision=decide(case),
        leaving=dry_run(shape, found.data.columns, readable=columns, counted=rows),
        reused=reused,
        earlier=None if grant is None else earlier(connection, case, partner.pairing)[0],
    )


def earlier(connection: sqlite3.Connection, case: Case, pairing: str) -> tuple[Release | None, str]:
    """The same release where it was made and not refused by the partner, and the id that it has or would have."""
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


def _grant(known: Sequence[Grant], wanted: str | None, now: datetime) -> Grant | None:
    """The grant that is meant; where none is in force, the last one, so that policy says what is wrong."""
    if wanted is not None:
        meant = [grant for grant in known if grant.id.startswith(wanted)]
        if len(meant) != 1:
            raise NotFoundError(
                "no such grant" if not meant else "several grants begin like this",
                given=wanted,
                allowed=[grant.id for grant in known] or "none",
            )
        return meant[0]
    in_force = [grant for grant in known if _is_in_force(grant, now)]
    if len(in_force) > 1:
        raise ConfigurationError(
            "several grants are in force",
            given=in_force[0].subject.name,
            allowed=[f"{grant.id} ({grant.purpose})" for grant in in_force],
            hint="name one: --grant",
        )
    return in_force[0] if in_force else max(known, key=lambda grant: grant.until, default=None)


def _is_in_force(grant: Grant, now: datetime) -> bool:
    return not grant.revoked and grant.valid_from <= now < grant.until


def _columns(found: Releasable, grant: Grant | None, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns that the recipient would read, in the order of the contract; unknown ones at the end."""
    stated = wanted or (grant.columns if grant else None) or [column.name for column in found.data.columns]
    known = [column.name for column in found.data.columns]
    return tuple(
        sorted(dict.fromkeys(stated), key=lambda name: known.index(name) if name in known else len(known))
    )


def _serving(
    node: Node,
    connection: sqlite3.Connection,
    partner: Partner,
    found: Releasable,
    grant: Grant | None,
    columns: Sequence[str],
) -> tuple[KeptSet, Shape] | tuple[None, None]:
    """A set of this version in a shape that serves, whose files can still be had."""
    if grant is None:
        return None, None
    keyset = keyring_of(node.home).keyset()
    for kept in sets.sealed(connection, found.subject, found.version):
        shape = _shape_of(kept, found)
        if shape is None or not _serves(shape, grant, columns):
            continue
        if _is_there(node, connection, kept, partner) and _is_signed(kept, keyset):
            return kept, shape
    return None, None


def _shape_of(kept: KeptSet, found: Releasable) -> Shape | None:
    """The shape of a set, if the columns are still what they were."""
    described = kept.described
    try:
        shape = read_shape(
            found.data.columns,
            names=described.columns,
            row_filter=described.row_filter,
            masks=described.masks,
        )
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
    """Whether the newest keyset, by which the recipient will judge, still has the keys that signed the set."""
    try:
        read_set(kept.statement, keyset=keyset, digest=kept.digest)
    except Refused:
        return False
    return True


def _new_shape(
    connection: sqlite3.Connection,
    found: Releasable,
    grant: Grant | None,
    columns: Sequence[str],
    now: datetime,
) -> Shape:
    """What is granted to this recipient, and beside it what was granted to others, where one set serves all."""
    own = {name: grant.masks[name] for name in columns if grant and name in grant.masks}
    row_filter = grant.row_filter if grant else None
    names, masks = set(columns), dict(own)
    for other in _others(connection, found, row_filter, now) if grant else ():
        theirs = set(other.columns or ())
        if all(masks.get(name) == other.masks.get(name) for name in names & theirs):
            names |= theirs
            masks |= {name: action for name, action in other.masks.items() if name in theirs}
    wide = [column.name for column in found.data.columns if column.name in names]
    try:
        if set(columns) <= set(wide):
            return read_shape(
                found.data.columns,
                names=wide,
                row_filter=row_filter,
                masks={name: action for name, action in masks.items() if name in wide},
            )
    except ShapeRefusedError:
        pass
    # Whatever is wrong with a grant of somebody else is not this recipient's matter.
    return read_shape(found.data.columns, names=columns, row_filter=row_filter, masks=own)


def _others(
    connection: sqlite3.Connection, found: Releasable, row_filter: str | None, now: datetime
) -> Iterator[Grant]:
    """The grants of the same rows of this subject to anybody that are in force."""
    every: Iterable[Grant] = (
        grant
        for partner in partners.every(connection)
        for grant in granted.given(connection, partner.pairing, found.subject)
    )
    for grant in sorted(every, key=lambda one: one.id):
        if _is_in_force(grant, now) and grant.row_filter == row_filter:
            yield grant


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
    ask: Ask,
    partner: Partner,
    found: Releasable,
    shape: Shape,
    columns: Sequence[str],
    grant: Grant | None,
) -> Counted | None:
    if grant is None or grant.k is None or ask.people is None:
        return None
    known = [column.name for column in found.data.columns]
    if ask.people not in known:
        raise ConfigurationError("no such column", given=ask.people, allowed=known)
    return count_people(
        node.settings,
        found,
        shape,
        people=ask.people,
        columns=columns,
        sent=releases.versions_sent(connection, partner.pairing, found.subject),
    )
