"""Load: one commit on the dataset's table is the truth of what a delivery became."""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from shanhai.contracts.schema import arrow_schema
from shanhai.errors import BusyError, ConfigurationError, StoreError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import Counts, Entry, Kind, Net, entries, entry, table_net
from shanhai.ingest.editions import is_outdated
from shanhai.ingest.files import gone_if_it_fails
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, State, read_staging, read_validation
from shanhai.ingest.settlement import Settlement, settle_delivery
from shanhai.ingest.stage import GOOD, has_good_rows
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.session import duckdb_session

log = logging.getLogger(__name__)

_ATTEMPTS = 12
_KINDS: dict[State, Kind] = {"accepted": "load", "held": "hold", "refused": "refuse"}


@dataclass(frozen=True)
class Decision:
    """A verdict on its way into the books: from the gate, or from a person with a name and a reason.

    `idempotency_key` names the request of a person, if that may be made again.
    """

    kind: Kind
    verdict: State
    reason: str
    by: str = ""
    idempotency_key: str = ""


def open_table(node: Node, dataset: DatasetId) -> LakeTable:
    """The dataset's table, made from its contract if it is not there."""
    contract = node.federation.contract(dataset)
    schema = arrow_schema(contract)
    return LakeTable.create(node.table(dataset), schema, name=str(dataset), log=node.logs.get(dataset))


def load(node: Node, delivery: DeliveryId) -> Entry:
    """Commit a checked delivery: its good rows if it was accepted, its verdict in any case.

    A delivery that is in the books already is left as it is.

    Returns:
        The delivery's entry, as just written or as found.

    Raises:
        ConfigurationError: it was not checked yet under the contract as it is now.
        RetryableError: the store failed, or others kept committing first; nothing was committed.
    """
    known = first_entry(open_table(node, delivery.dataset), delivery)
    if known is not None:
        return known
    staging, validation = read_staging(node, delivery), read_validation(node, delivery)
    if staging is None or validation is None:
        raise ConfigurationError("the delivery was not checked", given=delivery.short, hint="check it first")
    if not has_good_rows(node, delivery, staging):
        raise StoreError(
            "the good rows are not those that were staged",
            given=delivery.short,
            hint="walk the dataset again: the delivery is then staged anew",
        )
    decision = Decision(_KINDS[validation.verdict], validation.verdict, "; ".join(validation.reasons))
    written = commit_decision(node, delivery, staging, decision, expected=0)
    return written or first_entry(open_table(node, delivery.dataset), delivery) or load(node, delivery)


def commit_decision(
    node: Node, delivery: DeliveryId, staging: Staging, decision: Decision, *, expected: int
) -> Entry | None:
    """Commit what a decision makes of a delivery, on top of whatever the table is by then.

    Args:
        expected: the version of the delivery's application transaction that the decision was taken on.

    Returns:
        The delivery's entry; None when somebody else decided first.
    """

    def attempt(table: LakeTable) -> Entry | None:
        if table.transactions().get(str(delivery), 0) != expected:
            return None
        stem = f"{delivery.key}-{expected + 1}-{secrets.token_hex(4)}"
        with gone_if_it_fails(table.path, stem):
            return _commit(node, table, delivery, staging, decision, expected + 1, stem)

    return on_newest(node, delivery.dataset, attempt)


def _commit(
    node: Node,
    table: LakeTable,
    delivery: DeliveryId,
    staging: Staging,
    decision: Decision,
    number: int,
    stem: str,
) -> Entry:
    books = table_net(table)
    outdated = is_outdated(node, delivery, books)
    settlement = _settlement(node, table, delivery, staging, decision, stem, outdated=outdated)
    subject = _subject(delivery, staging, decision, settlement, books.get(str(delivery)))
    others = _displaced(delivery, staging, settlement)
    table.commit(
        Change(
            add=settlement.add,
            remove=settlement.remove,
            digests=settlement.digests,
            bounds=settlement.bounds,
            transactions={str(delivery): number},
            facts={"entries": [line.model_dump() for line in (subject, *others)]},
        ),
        at=node.clock(),
    )
    log.info(
        "load delivery=%s verdict=%s loaded=%d withheld=%d",
        delivery.short,
        subject.verdict,
        subject.loaded,
        subject.withheld,
    )
    return subject


def on_newest(node: Node, dataset: DatasetId, attempt: Callable[[LakeTable], Entry | None]) -> Entry | None:
    """Run `attempt` on the newest version of a table, again when another commit came first.

    Raises:
        BusyError: others kept committing first.
        StoreError: the disk failed; nothing was committed.
    """
    for tried in range(1, _ATTEMPTS + 1):
        try:
            with disk_errors(node.table(dataset)):
                return attempt(open_table(node, dataset))
        except BusyError:
            if tried == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(tried, 6)))  # noqa: S311 - spreads writers, no secret
    return None


def first_entry(table: LakeTable, delivery: DeliveryId) -> Entry | None:
    """The newest entry with the delivery as its subject; None when it is not in the books."""
    if not table.transactions().get(str(delivery)):
        return None
    found = [line for _, line in entries(table) if line.delivery == str(delivery) and not line.cause]
    return found[-1] if found else None


def _settlement(
    node: Node,
    table: LakeTable,
    delivery: DeliveryId,
    staging: Staging,
    decision: Decision,
    stem: str,
    *,
    outdated: bool,
) -> Settlement:
    if decision.verdict != "accepted":
        return Settlement()
    contract = node.federation.contract(delivery.dataset)
    with duckdb_session(node.settings) as con:
        return settle_delivery(
            con,
            table,
            contract,
            delivery,
            node.staging(delivery, staging.staging) / GOOD,
            rows=staging.good,
            sha256=staging.good_sha256,
            stem=stem,
            outdated=outdated,
            known=node.known.get(delivery.dataset),
        )


def _displaced(delivery: DeliveryId, staging: Staging, settlement: Settlement) -> list[Entry]:
    """What the others lose to the delivery, each by an entry of its own."""
    return [
        entry(
            other,
            "supersede",
            "accepted",
            staging.contract_version,
            Counts(loaded=-rows, superseded=rows),
            cause=str(delivery),
        )
        for other, rows in settlement.displaced.items()
    ]


def _subject(
    delivery: DeliveryId, staging: Staging, decision: Decision, settlement: Settlement, before: Net | None
) -> Entry:
    accepted = decision.verdict == "accepted"
    target = Counts(
        rows_in=staging.rows_in,
        loaded=settlement.entered if accepted else 0,
        quarantined=staging.quarantined,
        duplicates=staging.duplicates + settlement.duplicates,
        superseded=staging.superseded + settlement.superseded,
        withheld=0 if accepted else staging.good,
    )
    return entry(
        str(delivery),
        decision.kind,
        decision.verdict,
        staging.contract_version,
        target - (before.counts if before else Counts()),
        reason=decision.reason,
        decided_by=decision.by,
        idempotency_key=decision.idempotency_key,
        staging=staging,
    )
