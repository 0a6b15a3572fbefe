"""Withdraw: take a delivery's rows back, and give the table what it would be had it never been loaded."""

from __future__ import annotations

import logging
import secrets

from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts, Entry, Net, entry, table_net
from shanhai.ingest.committed import committed_staging
from shanhai.ingest.files import gone_if_it_fails
from shanhai.ingest.load import Decision, on_newest
from shanhai.ingest.node import Node
from shanhai.ingest.rebuild import in_the_table, others
from shanhai.ingest.records import Staging
from shanhai.ingest.swap import swap
from shanhai.warehouse.lake import Change, LakeTable

log = logging.getLogger(__name__)


def withdraw(node: Node, delivery: DeliveryId, decision: Decision, *, expected: int) -> Entry | None:
    """Commit a table without `delivery`; rows that had lost to it come back, booked at their deliveries.

    Returns:
        The delivery's entry; None when somebody else decided first.
    """

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)) != expected:
            return None
        stem = f"{delivery.key}-{expected + 1}-{secrets.token_hex(4)}"
        with gone_if_it_fails(table.path, stem):
            return _commit(node, table, delivery, decision, expected + 1, stem)

    return on_newest(node, delivery.dataset, attempt)


def _commit(
    node: Node, table: LakeTable, delivery: DeliveryId, decision: Decision, number: int, stem: str
) -> Entry:
    books = table_net(table)
    live = in_the_table(node, books, without=str(delivery))
    stagings = {known: committed_staging(node, DeliveryId.parse(known), books[known]) for known in live}
    swapped = swap(node, table, stagings, books, delivery, stem)
    net = books[str(delivery)]
    lines = [_subject(delivery, committed_staging(node, delivery, net), decision, net)]
    lines += others(stagings, books, swapped, cause=str(delivery))
    table.commit(
        Change(
            add=swapped.add,
            remove=swapped.remove,
            digests=swapped.digests,
            bounds=swapped.bounds,
            transactions={str(delivery): number},
            facts={"entries": [line.model_dump() for line in lines]},
        ),
        at=node.clock(),
    )
    log.info("withdraw delivery=%s by=%s", delivery.short, decision.by)
    return lines[0]


def _subject(delivery: DeliveryId, staging: Staging, decision: Decision, before: Net) -> Entry:
    target = Counts(
        rows_in=staging.rows_in,
        quarantined=staging.quarantined,
        duplicates=staging.duplicates,
        superseded=staging.superseded,
        withheld=staging.good,
    )
    return entry(
        str(delivery),
        "withdraw",
        "withdrawn",
        staging.contract_version,
        target - before.counts,
        reason=decision.reason,
        decided_by=decision.by,
        idempotency_key=decision.idempotency_key,
        staging=staging,
    )
