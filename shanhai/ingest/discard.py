"""Discard: a person says that nothing will come of refused rows; they stay whole, and counted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Literal

from shanhai.errors import BusyError, ConfigurationError, DeniedError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts, Entry, entries, entry, requested, table_net
from shanhai.ingest.load import on_newest, open_table
from shanhai.ingest.node import Node
from shanhai.ingest.quarantine import groups
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
        ConfigurationError: the name or the reason is missing.
        DeniedError: no open row of the delivery broke such a rule.
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
        ConfigurationError: the name or the reason is missing.
        DeniedError: no such rule is discarded, or the text of the rows was purged.
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
    by, reason = by.strip(), reason.strip()
    if not by or not reason:
        raise ConfigurationError("a decision needs a name and a reason", given=f"by={by!r} reason={reason!r}")
    table = open_table(node, delivery.dataset)
    if (known := requested(table, delivery, idempotency_key)) is not None:
        return known
    expected = table.transaction(str(delivery))
    possible = _open(node, delivery) if kind == "discard" else _closed(table, delivery)
    chosen = tuple(sorted(rules or possible))
    if not chosen or not possible.issuperset(chosen):
        raise DeniedError(
            "no open row broke such a rule" if kind == "discard" else "no such rule is discarded",
            given=f"{delivery.short} {', '.join(rules)}".strip(),
            allowed=sorted(possible) or "nothing",
            hint="shanhai quarantine list",
        )

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)) != expected:
            return None
        net = table_net(table)[str(delivery)]
        line = entry(
            str(delivery),
            kind,
            net.verdict,
            net.contract_version,
            Counts(),
            reason=reason,
            decided_by=by,
            scope=chosen,
            idempotency_key=idempotency_key,
        )
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


def _open(node: Node, delivery: DeliveryId) -> set[str]:
    return {group.reason for group in groups(node, delivery=delivery) if group.state == "open"}


def _closed(table: LakeTable, delivery: DeliveryId) -> set[str]:
    net = table_net(table).get(str(delivery))
    if net is None or "quarantine" in net.purged:
        return set()
    return discarded(line for _, line in entries(table) if line.delivery == str(delivery))
