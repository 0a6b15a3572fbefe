"""Check: Great Expectations over all staged rows, the plausibility of the delivery, and the verdict."""

from __future__ import annotations

import json
import logging
from typing import Any

from shanhai.contracts.model import Contract
from shanhai.errors import ConfigurationError, NotFoundError
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.books import table_net
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.records import (
    CheckRecord,
    FindingRecord,
    Staging,
    Validation,
    read_staging,
    read_validation,
    save,
)
from shanhai.ingest.stage import SCRATCH
from shanhai.quality.gate import run_gate
from shanhai.quality.plausibility import Delivered, find_implausible, load_plausibility
from shanhai.quality.verdict import decide_verdict

log = logging.getLogger(__name__)


def check(node: Node, delivery: DeliveryId) -> Validation:
    """Decide whether a staged delivery is accepted, held or refused; the outcome is kept.

    Raises:
        ConfigurationError: it is not staged under the contract as it is now, or its suite is missing.
        GateDisagreementError: Great Expectations and staging counted one rule differently.
    """
    known = read_validation(node, delivery)
    if known is not None:
        return known
    staging = read_staging(node, delivery)
    if staging is None:
        raise NotFoundError("the delivery was not staged", given=delivery.short, hint="stage it first")
    contract = node.federation.contract(delivery.dataset)
    checks = _gate(node, contract, delivery, staging) if staging.unreadable is None else ()
    findings = _findings(node, delivery, staging) if staging.unreadable is None else ()
    verdict = decide_verdict(
        contract,
        rows_in=staging.rows_in,
        bad_rows=staging.quarantined,
        findings=findings,
        missing=staging.missing,
        unknown=staging.unknown,
        unreadable=staging.unreadable,
    )
    validation = Validation(
        delivery=str(delivery),
        contract_version=contract.version,
        contract_digest=contract.digest,
        verdict=verdict.state,
        reasons=verdict.reasons,
        checks=checks,
        findings=findings,
    )
    save(node, delivery, validation)
    log.info("check delivery=%s verdict=%s", delivery.short, verdict.state)
    return validation
