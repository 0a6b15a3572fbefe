"""Release: decide, seal the set or take one that serves, and say so to one partner, exactly once."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shanhai.audit.database import transaction
from shanhai.audit.events import happened
from shanhai.audit.log import EventLog
from shanhai.courier import granted, outbox, partners, releases, retiring, saying, sealing, sets, waiting
from shanhai.courier.desk import Desk
from shanhai.courier.outbox import Outgoing
from shanhai.courier.own_keys import keyring_of
from shanhai.courier.planning import Ask, Plan, earlier, plan
from shanhai.courier.releases import Release
from shanhai.courier.scanning import scan
from shanhai.courier.sent_folders import folder_rows
from shanhai.courier.sets import Described, KeptSet
from shanhai.courier.speaking import Carried, sealed_to
from shanhai.courier.taking_back import take_back_over
from shanhai.courier.turns import one_at_a_time
from shanhai.errors import DataError, NotFoundError
from shanhai.exchange.facts import FactFile, Facts, read_facts, write_facts
from shanhai.exchange.parcels import MOST_FACTS, Parcel
from shanhai.exchange.secret import Secret
from shanhai.exchange.sets import SetFile, SetStatement, read_set, set_digest, sign_set
from shanhai.governance.policy import ReleaseDeniedError, check_can_release
from shanhai.governance.values import Case
from shanhai.ingest.node import Node

if TYPE_CHECKING:
    import pyarrow as pa

_USUAL_FILES = 64
"""So many files of a set are reckoned with before any is written; a file has up to a GiB."""


@dataclass(frozen=True)
class Released:
    """What a release came to.

    Attributes:
        message: in the outbox; `shanhai ship` takes it to the relay.
        sealed: whether a set was written; else one that was there serves.
        repeated: whether it had been released before, and nothing was done.
    """

    release: Release
    message: Outgoing
    sealed: bool
    repeated: bool


@dataclass(frozen=True)
class _Ready:
    """A set that can be given to a recipient, signed, with all its keys."""

    statement: SetStatement
    envelope: bytes = field(repr=False)
    facts: bytes = field(repr=False)
    keys: Mapping[str, Secret] = field(repr=False)
    columns: tuple[str, ...]
    fresh: bool


def release(desk: Desk, node: Node, ask: Ask) -> Released:
    """Release one version of a subject to a partner, once; killed anywhere, it may be run again.

    The keys of a new set are locked to the disk before its files are written, and those are durable and read
    back before the set is signed. Then one transaction has all: set, decision, number, signed message and
    events. What a killed release left behind is swept by the next one.

    Raises:
        ReleaseDeniedError: policy says no. Where only a second person is lacking, that is noted as waiting.
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
            return _repeated(desk.connection, planned.earlier)
        _check_allowed(desk, planned)
        ready = _taken(desk, planned.reused) if planned.reused else _sealed(desk, node, planned)
        return _said(desk.later(), planned, ready)


def _repeated(connection: sqlite3.Connection, found: Release) -> Released:
    message = outbox.by_digest(connection, found.message)
    if message is None:
        raise NotFoundError("the message of a release is gone", given=found.message)
    return Released(found, message, sealed=False, repeated=True)


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


def _taken(desk: Desk, kept: KeptSet) -> _Ready:
    """A set that serves already: its keys are all that is needed."""
    return _Ready(
        statement=read_set(kept.statement, keyset=desk.speaker.keyset, digest=kept.digest),
        envelope=kept.statement,
        facts=kept.facts,
        keys=keyring_of(desk.home).keys_of_set(kept.set_id, desk.speaker.holdings),
        columns=kept.described.columns,
        fresh=False,
    )


def _sealed(desk: Desk, node: Node, planned: Plan) -> _Ready:
    """A new set: noted, keys locked, files written and read back, facts and statement signed."""
    set_id, found, shape = secrets.token_hex(16), planned.found, planned.shape
    text = shape.row_filter.text if shape.row_filter else None
    described = Described(shape.shape_id, shape.names, planned.order, text, shape.masks, found.listing)
    _check_room(desk, planned, described)
    with transaction(desk.connection):
        sets.begin(desk.connection, set_id, found.subject, found.version, described, at=desk.now)
    keys = sealing.new_keys(set_id, len(described.columns))
    keyring_of(desk.home).keep_set(set_id, keys)
    with _rows(node, planned) as reader:
        # The parts of an application have an order of their own.
        lanes = 1 if found.folder is not None else sealing.LANES
        free = node.settings.free_disk_bytes
        draft = sealing.write_set(reader, desk.home, set_id, keys, free_bytes=free, lanes=lanes)
    facts = write_facts(
        Facts(
            salt=secrets.token_bytes(32),
            subject=found.subject,
            version=found.version,
            shape=described.shape_id if found.folder is None else None,
            columns=tuple(draft.columns.values()),
            files=tuple(FactFile(file.rows, file.decoded) for file in draft.files),
            commits=draft.commits,
            contract=found.contract,
            quality=digest_of(found.quality),
            lineage=digest_of(found.lineage),
            listing=found.listing,
        )
    )
    statement, envelope = _signed(desk, draft, facts)
    return _Ready(statement, envelope, facts, keys, described.columns, fresh=True)


def _check_room(desk: Desk, planned: Plan, described: Described) -> None:
    """See, before a row is read, that one message can carry what the set will have.

    Raises:
        DataError: it cannot; nothing was written.
    """
    set_id, columns, some = secrets.token_hex(16), described.columns, "0" * 64
    keys = sealing.new_keys(set_id, len(columns))
    files = tuple(SetFile(f"{number:064x}", 1 << 30) for number in range(_USUAL_FILES))
    facts = Facts(
        salt=bytes(32),
        subject=planned.found.subject,
        version=planned.found.version,
        shape=described.shape_id if planned.found.folder is None else None,
        columns=("list<timestamp[us,UTC]>",) * len(columns),
        files=tuple(FactFile(1 << 40, 1 << 40) for _ in files),
        commits=dict.fromkeys(keys, some),
        contract=some,
        quality=some,
        lineage=some,
        listing=planned.found.listing,
    )
    written = write_facts(facts)
    if len(written) > MOST_FACTS:
        raise DataError("a message cannot carry the facts of so many columns", given=len(columns))
    statement = SetStatement(set_id, desk.me, some, files, some, digest=some)
    ready = _Ready(statement, b"", written, keys, columns, fresh=True)
    carried = Carried(statement, _granted_keys(planned, ready))
    sealed_to(desk.connection, planned.partner, _parcel(planned, ready), desk.speaker, carried)


def _rows(node: Node, planned: Plan) -> AbstractContextManager[pa.RecordBatchReader]:
    found = planned.found
    if found.folder is not None:
        return folder_rows(found, found.folder)
    return scan(node.settings, found, planned.shape, order=planned.order)


def _signed(desk: Desk, draft: sealing.Draft, facts: bytes) -> tuple[SetStatement, bytes]:
    """The statement of a set and its envelope, read back as a recipient will."""
    signers = desk.speaker.signers
    unsigned = SetStatement(
        set=draft.set_id,
        node=desk.me,
        signer=signers[0].kid,
        files=draft.set_files,
        facts_sha256=hashlib.sha256(facts).hexdigest(),
    )
    envelope = sign_set(unsigned, signers)
    statement = read_set(envelope, keyset=desk.speaker.keyset, digest=set_digest(unsigned))
    read_facts(facts, statement)
    return statement, envelope


def _said(desk: Desk, planned: Plan, ready: _Ready) -> Released:
    """THE transaction: all of a release, or nothing of it."""
    connection, partner = desk.connection, planned.partner
    with transaction(connection):
        case = _as_it_stands(connection, planned, desk.now)
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
        carried = Carried(ready.statement, _granted_keys(planned, ready))
        message = saying.say(desk, partner.pairing, _parcel(planned, ready), carried)
        rows, about["message"] = planned.leaving.rows, message.digest
        if approver is not None:
            log.append(happened("approve", who=approver, at=desk.now, **about))
        log.append(happened("release", who=desk.who, at=desk.now, rows=rows, **about))
        done = _release(desk, planned, ready, message, identity)
        releases.keep(connection, done)
        if approver is not None:
            waiting.done(connection, "approve", _about(planned), who=approver, at=desk.now)
    return Released(done, message, sealed=ready.fresh, repeated=False)


def _release(desk: Desk, planned: Plan, ready: _Ready, message: Outgoing, identity: str) -> Release:
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


def _as_it_stands(connection: sqlite3.Connection, planned: Plan, now: datetime) -> Case:
    """The case with moment, grant and pairing as they are now: sealing may have taken long."""
    before = planned.case
    pairing = partners.of_pairing(connection, planned.partner.pairing)
    return replace(
        before,
        grant=granted.newest(connection, granted.GIVEN, planned.terms.grant),
        pairing=pairing.state,
        now=now,
        sent=frozenset(releases.sent(connection, pairing.pairing, before.request.subject)),
        read=releases.read(connection, pairing.pairing, before.request.subject, before.request.measure),
        others=granted.others(connection, before.request.subject, planned.terms.grant),
    )


def _told(planned: Plan, ready: _Ready) -> dict[str, str | int]:
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


def _parcel(planned: Plan, ready: _Ready) -> Parcel:
    names = {ready.columns.index(name): name for name in planned.terms.columns}
    return Parcel(planned.terms, names, ready.facts)


def _granted_keys(planned: Plan, ready: _Ready) -> dict[str, Secret]:
    """The key of the footers and those of the columns of the terms, and no others."""
    numbers = [ready.columns.index(name) for name in planned.terms.columns]
    wanted = [ready.statement.footer_key, *map(ready.statement.column_key, numbers)]
    return {key_id: ready.keys[key_id] for key_id in wanted}


def _counts(planned: Plan) -> dict[str, Any]:
    counted = planned.case.counted
    measured = None
    if counted is not None:
        compared = [list(one) for one in sorted(counted.compared_with)]
        told = {"measure": list(counted.measure), "columns": sorted(counted.columns)}
        measured = {**vars(counted), **told, "compared_with": compared}
    return {
        "columns": list(planned.terms.columns),
        "rows": planned.leaving.rows,
        "rows_held": planned.leaving.rows_held,
        "people": measured,
        "quality": planned.found.quality,
        "lineage": planned.found.lineage,
    }


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of a document as JSON in UTF-8 with sorted keys and without blanks."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
