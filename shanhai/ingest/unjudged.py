"""Unjudged: a person refuses a delivery that has no verdict, since no check of it ends."""

from __future__ import annotations

import hashlib
import logging

from shanhai.errors import BusyError, ConfigurationError, DamagedError, DiskFullError, RetryableError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Counts, Entry, entry
from shanhai.ingest.load import Decision, commit_decision, on_newest
from shanhai.ingest.node import Node
from shanhai.ingest.records import Staging, present_terms
from shanhai.ingest.sidecar import body_key, sidecar
from shanhai.ingest.stage import forget_staged_rows, stage
from shanhai.warehouse.lake import Change, LakeTable

log = logging.getLogger(__name__)

_CHUNK = 1 << 20


def refuse_unjudged(node: Node, delivery: DeliveryId, decision: Decision) -> Entry | None:
    """Book a delivery as refused that the books do not know yet.

    Its rows are counted as staging divides them: good ones are withheld. Of one that cannot be staged either,
    because its bytes are lost or for an error that nobody foresaw, no row was read, and all counts are 0.
    To approve it stages and checks it anew.

    Returns:
        The delivery's entry; None when it has got a verdict meanwhile.

    Raises:
        NotFoundError: it was never pulled.
        ConfigurationError: the contract is wrong: a changed one may judge it.
        RetryableError: the store failed, the disk is full, or others are at work there.
    """
    sidecar(node, delivery)
    staging = _staged(node, delivery)
    if staging is None:
        return _refuse_unread(node, delivery, decision)
    written = commit_decision(node, delivery, staging, decision, expected=0)
    forget_staged_rows(node.staging(delivery, staging.staging))
    return written


def _staged(node: Node, delivery: DeliveryId) -> Staging | None:
    """How its rows are divided; None where no later try would tell."""
    try:
        return stage(node, delivery)
    except (BusyError, DiskFullError):
        raise
    except (ConfigurationError, DamagedError, RetryableError):
        if _has_its_bytes(node, delivery):
            raise
        why = "its bytes are lost"
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not keep the dataset from going on
        why = type(error).__name__
    log.warning("refused unread delivery=%s why=%s", delivery.short, why)
    return None


def _has_its_bytes(node: Node, delivery: DeliveryId) -> bool:
    return all(_is_kept(node, body.sha256) for body in sidecar(node, delivery).bodies)


def _is_kept(node: Node, sha256: str) -> bool:
    if not node.snapshots.exists(body_key(sha256)):
        return False
    digest = hashlib.sha256()
    with node.snapshots.open(body_key(sha256)) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == sha256


def _refuse_unread(node: Node, delivery: DeliveryId, decision: Decision) -> Entry | None:
    contract = present_terms(node, delivery).contract

    def attempt(table: LakeTable) -> Entry | None:
        if table.transaction(str(delivery)):
            return None
        line = entry(
            str(delivery),
            decision.kind,
            decision.verdict,
            contract.version,
            Counts(),
            reason=decision.reason,
            decided_by=decision.by,
            idempotency_key=decision.idempotency_key,
        )
        facts = {"entries": [line.model_dump()]}
        table.commit(Change(transactions={str(delivery): 1}, facts=facts), at=node.clock())
        return line

    return on_newest(node, delivery.dataset, attempt)
