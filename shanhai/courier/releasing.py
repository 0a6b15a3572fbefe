"""Release: decide, seal the set or take one that serves, and say so to one partner, exactly once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from shanhai.audit.database import transaction
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.courier import granted, outbox, partners, releases, retiring, saying, sets, waiting
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.planning import Ask, Plan, earlier, plan
from shanhai.courier.ready import Ready, carried_by, made, parcel_of, taken
from shanhai.courier.releases import Release
from shanhai.courier.taking_back import take_back_over
from shanhai.courier.turns import one_at_a_time
from shanhai.errors import NotFoundError
from shanhai.governance.findings import Rule
from shanhai.governance.policy import Decision, ReleaseDeniedError, check_can_release
from shanhai.governance.values import Case
from shanhai.ingest.node import Node

_OF_ANY: tuple[Rule, ...] = ("grant", "pairing", "validity")
"""Rules on whether anything may leave to a partner by a grant, whatever it is."""


@dataclass(frozen=True)
class Released:
    """What a release came to.

    Attributes:
        message: in the outbox; `shanhai ship` takes it to the relay.
        sealed: whether a set was written; else one that was there serves.
        repeated: whether it had been released before, and nothing was done.
        unheard: what was asked of a repeated one and is not so, since it left as it was: names of `Ask`.
    """

    release: Release
    message: Outgoing
    sealed: bool
    repeated: bool
    unheard: tuple[str, ...] = ()


def release(desk: Desk, node: Node, ask: Ask) -> Released:
    """Release one version of a subject to a partner, once; killed anywhere, it may be run again.

    The keys of a new set are locked to the disk before its files are written, and those are durable and read
    back before the set is signed. Then one transaction has all: set, decision, number, signed message and
    events. What a killed release left behind is swept by the next one.

    Raises:
        ReleaseDeniedError: policy says no. Where only a second person is lacking, that is noted as waiting.
            What was released before is denied where nothing may leave now, by the grant or the pairing.
        DeniedError: the pairing is frozen.
        BusyError: another release of this home takes long, or its keys changed meanwhile.
        NotFoundError, ConfigurationError, ShapeRefusedError, StoreError: as `plan`.
    """
    with one_at_a_time(desk.home):
        desk = desk.later()
        retiring.sweep(desk.home, desk.connection)
        take_back_over(desk, ask.partner)
        planned = plan(node, desk.connection, ask, who=desk.who, now=desk.now)
        partners.check_thawed(planned.partner)
        if planned.earlier is not None:
            _check_open(planned)
            return replace(
                _repeated(desk.connection, planned.earlier), unheard=_unheard(ask, planned.earlier)
            )
        _check_allowed(desk, planned)
        ready = taken(desk, planned.reused) if planned.reused else made(desk, node, planned)
        return _said(desk.later(), planned, ready)


def _repeated(connection: sqlite3.Connection, found: Release) -> Released:
    message = outbox.by_digest(connection, found.message)
    if message is None:
        raise NotFoundError("the message of a release is gone", given=found.message)
    return Released(found, message, sealed=False, repeated=True)


def _check_open(planned: Plan) -> None:
    """See that something could leave under the grant now: what is on its way may leave no more."""
    against = tuple(one for one in planned.decision.denials if one.rule in _OF_ANY)
    if against:
        raise ReleaseDeniedError(Decision(against))


def _unheard(ask: Ask, found: Release) -> tuple[str, ...]:
    """What was asked that makes no other release, and stands otherwise, or nowhere, in the one that left."""
    people = (found.counts.get("people") or {}).get("who")
    asked = {
        "keep_days": ask.keep_days not in (None, found.counts.get("keep_days")),
        "people": ask.people not in (None, people),
        "approver": ask.approver not in (None, found.approver),
    }
    return tuple(name for name, differs in asked.items() if differs)


def _check_allowed(desk: Desk, planned: Plan) -> None:
    try:
        check_can_release(planned.case)
    except ReleaseDeniedError as denied:
        codes = {one.finding.code for one in denied.decision.denials if one.finding}
        if codes == {"approver-missing"}:
            with transaction(desk.connection):
                waiting.waits(desk.connection, "approve", _about(planned), desk.now)
        raise


def _about(planned: Plan) -> str:
    return f"{planned.found.subject.name} {planned.found.version} to {planned.partner.name}"


def _said(desk: Desk, planned: Plan, ready: Ready) -> Released:
    """THE transaction: all of a release, or nothing of it."""
    connection, partner = desk.connection, planned.partner
    # Asked again below: nobody has to wait while the logs of tables are read.
    _is_gone(desk, planned)
    with transaction(connection):
        case = _as_it_stands(desk, planned)
        check_can_release(case)
        already, identity = earlier(connection, case, partner.pairing)
        if already is not None:
            return _repeated(connection, already)
        if ready.fresh:
            sets.seal(
                connection,
                ready.statement.set,
                statement=ready.envelope,
                digest=ready.statement.digest,
                facts=ready.facts,
                files=[(file.name, file.size) for file in ready.statement.files],
            )
        log, about, approver = EventLog(connection), _told(planned, ready), case.request.approver
        parcel, carried = parcel_of(planned, ready), carried_by(planned, ready)
        message = saying.say(desk, partner.pairing, parcel, carried)
        rows, about["message"] = planned.leaving.rows, message.digest
        if approver is not None:
            log.append(happened("approve", who=approver, at=desk.now, **about))
        log.append(happened("release", who=desk.who, at=desk.now, rows=rows, **about))
        done = _release(desk, planned, ready, message, identity)
        releases.keep(connection, done)
        if approver is not None:
            waiting.done(connection, "approve", _about(planned), who=approver, at=desk.now)
    return Released(done, message, sealed=ready.fresh, repeated=False)


def _release(desk: Desk, planned: Plan, ready: Ready, message: Outgoing, identity: str) -> Release:
    return Release(
        id=identity,
        pairing=planned.partner.pairing,
        subject=planned.found.subject,
        version=planned.found.version,
        shape=planned.shape.shape_id,
        grant=planned.terms.grant,
        rev=planned.terms.rev,
        set_id=ready.statement.set,
        message=message.digest,
        decision=planned.decision.as_dict(),
        counts=_counts(planned),
        who=desk.who,
        approver=planned.case.request.approver,
        at=desk.now,
    )


def _as_it_stands(desk: Desk, planned: Plan) -> Case:
    """The case with moment, data, grant and pairing as they are now: sealing may have taken long."""
    before, connection = planned.case, desk.connection
    gone = _is_gone(desk, planned)
    pairing = partners.of_pairing(connection, planned.partner.pairing)
    return replace(
        before,
        grant=granted.newest(connection, granted.GIVEN, planned.terms.grant),
        pairing=pairing.state,
        now=desk.now,
        data=replace(before.data, state="withdrawn") if gone else before.data,
        sent=frozenset(releases.sent(connection, pairing.pairing, before.request.subject)),
        read=releases.read(connection, pairing.pairing, before.request.subject, before.request.measure),
        others=granted.others(connection, before.request.subject, planned.terms.grant),
    )


def _is_gone(desk: Desk, planned: Plan) -> bool:
    """Whether rows of it were taken out of their table since it was planned."""
    found = planned.found
    return desk.tables.lack(found.quality.get("deliveries", ()), found.lineage.get("sources", {}))


def _told(planned: Plan, ready: Ready) -> dict[str, str | int]:
    """What the events of a release are about."""
    return {
        "grant": planned.terms.grant,
        "revision": planned.terms.rev,
        planned.found.subject.kind: planned.found.subject.name,
        "version": planned.found.version,
        "partner": planned.partner.name,
        "pairing": planned.partner.pairing,
        "set": ready.statement.set,
    }


def _counts(planned: Plan) -> dict[str, Any]:
    counted = planned.case.counted
    measured = None
    if counted is not None:
        compared = [list(one) for one in sorted(counted.compared_with)]
        told = {"measure": list(counted.measure), "columns": sorted(counted.columns)}
        measured = {**vars(counted), **told, "compared_with": compared}
    return {
        "columns": list(planned.terms.columns),
        "keep_days": (planned.terms.retain_until - planned.case.now).days,
        "rows": planned.leaving.rows,
        "rows_held": planned.leaving.rows_held,
        "people": measured,
        "quality": planned.found.quality,
        "lineage": planned.found.lineage,
    }
