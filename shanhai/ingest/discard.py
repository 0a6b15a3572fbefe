"""Discard: a person says that nothing will come of refused rows; they stay whole, and counted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Literal

from shanhai.errors import BusyError, ConfigurationError
from shanhai.ids import DeliveryId
from shanhai.ingest.already import already_so
from shanhai.ingest.approved import Person
from shanhai.ingest.books import Counts, Entry, entries, entry, requested, table_net
from shanhai.ingest.load import on_newest, open_table
from shanhai.ingest.node import Node
from shanhai.ingest.quarantine import groups
from shanhai.ingest.retention import require_unpurged
from shanhai.warehouse.lake import Change, LakeTable

log = logging.getLogger(__name__)


def discard(
    node: Node,
    delivery: DeliveryId,
    *,
    rules: Collection[str] = (),
    by: str,
    reason: str,
    idempotency_key: str = "",
) -> Entry:
    """Close the open rows of a delivery that broke certain rules; `reopen` undoes it.

    A row is closed by one of its rules, since that alone keeps it out.

    Args:
        rules: by default every rule that an open row broke.
        by: the name of the person.
        reason: why; both stand in the ledger for good.
        idempotency_key: names the request; one that was carried out is found done, whatever came after it.

    Raises:
        ConfigurationError: the name or the reason is missing, or no open row broke such a rule.
        AlreadySoError: all that is named is discarded.
        BusyError: somebody else decided at the same time; look again.
    """
    return _note(node, delivery, "discard", rules, by=by, reason=reason, idempotency_key=idempotency_key)


def reopen(
    node: Node,
    delivery: DeliveryId,
    *,
    rules: Collection[str] = (),
    by: str,
    reason: str,
    idempotency_key: str = "",
) -> Entry:
    """Take back what was discarded, for certain rules or for all.

    Raises:
        ConfigurationError: the name or the reason is missing, or no such rule was ever discarded.
        AlreadySoError: all that is named was taken back.
        DeniedError: the text of the rows was purged.
        BusyError: somebody else decided at the same time; look again.
    """
    return _note(node, delivery, "reopen", rules, by=by, reason=reason, idempotency_key=idempotency_key)


def discarded(lines: Iterable[Entry]) -> set[str]:
    """The rules that are discarded after all the entries of one delivery."""
    rules: set[str] = set()
    for line in lines:
        if line.kind == "discard":
            rules |= set(line.scope)
        elif line.kind == "reopen":
            rules -= set(line.scope)
    return rules


def _note(
    node: Node,
    delivery: DeliveryId,
    kind: Literal["discard", "reopen"],
    rules: Collection[str],
    *,
    by: str,
    reason: str,
    idempotency_key: str,
) -> Entry:
    person = Person.who_decides(by, reason, idempotency_key)
    table = open_table(node, delivery.dataset)
    if (known := requested(table, delivery, idempotency_key)) is not None:
        return known
    expected = table.transaction(str(delivery))
    chosen = _chosen(node, table, delivery, kind, rules)

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)) != expected:
            return None
        line = _line(table, delivery, kind, chosen, person)
        facts = {"entries": [line.model_dump()]}
        table.commit(Change(transactions={str(delivery): expected + 1}, facts=facts), at=node.clock())
        return line

    written = on_newest(node, delivery.dataset, attempt)
    if written is None:
        raise BusyError(
            "somebody else decided at the same time", given=delivery.short, hint="shanhai quarantine show"
        )
    log.info("%s delivery=%s rules=%s", kind, delivery.short, ",".join(chosen))
    return written


def _line(
    table: LakeTable,
    delivery: DeliveryId,
    kind: Literal["discard", "reopen"],
    rules: tuple[str, ...],
    person: Person,
) -> Entry:
    net = table_net(table)[str(delivery)]
    return entry(
        str(delivery),
        kind,
        net.verdict,
        net.contract_version,
        Counts(),
        reason=person.reason,
        decided_by=person.by,
        scope=rules,
        idempotency_key=person.idempotency_key,
    )


def _chosen(
    node: Node,
    table: LakeTable,
    delivery: DeliveryId,
    kind: Literal["discard", "reopen"],
    rules: Collection[str],
) -> tuple[str, ...]:
    lines = [line for _, line in entries(table) if line.delivery == str(delivery)]
    closed = discarded(lines)
    if kind == "reopen":
        require_unpurged(delivery, table_net(table)[str(delivery)].purged if lines else (), "quarantine")
        possible, done = closed, _ever_discarded(lines) - closed
    else:
        possible, done = _open(node, delivery), closed
    chosen = tuple(sorted(rules or possible))
    if chosen and possible.issuperset(chosen):
        return chosen
    wanted = frozenset(rules or done)
    given = f"{kind} {', '.join(sorted(rules))}".strip()
    if wanted and wanted <= done - possible:
        is_closed = kind == "discard"
        raise already_so(
            table,
            delivery,
            f": {', '.join(sorted(wanted))} is {'discarded' if is_closed else 'open again'}",
            lambda lines: wanted <= discarded(lines) if is_closed else not wanted & discarded(lines),
            given=given,
            allowed=sorted(possible) or "nothing",
        )
    raise ConfigurationError(
        "no open row broke such a rule" if kind == "discard" else "no such rule is discarded",
        given=f"{delivery.short}: {given}",
        allowed=sorted(possible) or "nothing",
        hint="shanhai quarantine list",
    )


def _open(node: Node, delivery: DeliveryId) -> set[str]:
    return {group.reason for group in groups(node, delivery=delivery) if group.state == "open"}


def _ever_discarded(lines: Iterable[Entry]) -> set[str]:
    return {rule for line in lines if line.kind == "discard" for rule in line.scope}
