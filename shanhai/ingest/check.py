"""Check: Great Expectations over all staged rows, the plausibility of the delivery, and the verdict."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shanhai.contracts.model import Contract
from shanhai.contracts.window_keys import first_day
from shanhai.errors import ConfigurationError, GateDisagreementError, NotFoundError
from shanhai.ids import DeliveryId
from shanhai.ingest.books import Net, table_net
from shanhai.ingest.drift.find import find_differences, forget_looks
from shanhai.ingest.drift.history import accepted_before
from shanhai.ingest.files import in_turn
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node
from shanhai.ingest.records import (
    CheckRecord,
    FindingRecord,
    QueryRecord,
    ReasonRecord,
    Staging,
    Validation,
    present_terms,
    read_staging,
    read_validation,
    save,
)
from shanhai.ingest.sidecar import sidecar
from shanhai.ingest.stage import SCRATCH, forget_staged_rows
from shanhai.ingest.terms import Terms
from shanhai.ingest.waivers import Waivers
from shanhai.quality.gate import run_gate
from shanhai.quality.plausibility import DeliveryFigures, Finding, find_implausible, read_plausibility
from shanhai.quality.queries import QueryResult, run_queries
from shanhai.quality.verdict import Signals, decide_verdict
from shanhai.storage.disk import disk_errors
from shanhai.warehouse.session import duckdb_config

log = logging.getLogger(__name__)


def check(node: Node, delivery: DeliveryId, waivers: Waivers = ()) -> Validation:
    """Decide whether a staged delivery is accepted, held or refused; the outcome is kept.

    Args:
        waivers: with which it was staged under the contract as it is now.

    Raises:
        RetryableError: the disk or the store failed; the next try checks anew.
        ConfigurationError: it is not staged under the contract as it is now, or its suite is missing.
        GateDisagreementError: Great Expectations and staging counted one rule differently.
    """
    terms = present_terms(node, delivery, waivers)
    folder = node.staged(delivery)
    with in_turn(folder), disk_errors(folder):
        return read_validation(node, delivery, terms) or _check_anew(node, delivery, terms)


def _check_anew(node: Node, delivery: DeliveryId, terms: Terms) -> Validation:
    staging = read_staging(node, delivery, terms)
    folder, contract = node.staging(delivery, terms.id), terms.contract
    readable = staging is not None and staging.unreadable is None
    if staging is None or (readable and not (folder / SCRATCH).is_file()):
        raise NotFoundError("the delivery was not staged", given=delivery.short, hint="stage it first")
    forget_looks(node, delivery)
    checks = _gate(node, contract, folder, staging) if readable else ()
    queries = _queries(node, contract, folder) if readable else []
    books = table_net(open_table(node, delivery.dataset))
    findings = _implausible(node, contract, delivery, staging, books) if readable else ()
    differences = find_differences(node, contract, delivery, staging, books, findings)
    verdict = decide_verdict(
        contract,
        rows_in=staging.rows_in,
        bad_rows=staging.quarantined,
        findings=findings,
        queries=queries,
        signals=Signals(staging.missing, staging.unknown, staging.not_yet),
        differences=differences,
        unreadable=staging.unreadable,
    )
    validation = Validation(
        delivery=str(delivery),
        staging=terms.id,
        contract_version=contract.version,
        contract_digest=contract.digest,
        verdict=verdict.state,
        reasons=verdict.reasons,
        checks=checks,
        findings=tuple(FindingRecord(**asdict(finding)) for finding in findings),
        queries=tuple(_recorded(result) for result in queries),
        why=tuple(ReasonRecord(**asdict(reason)) for reason in verdict.why),
        differences=differences,
    )
    save(node, delivery, validation)
    forget_staged_rows(folder)
    log.info("check delivery=%s verdict=%s", delivery.short, verdict.state)
    return validation


def _gate(node: Node, contract: Contract, folder: Path, staging: Staging) -> tuple[CheckRecord, ...]:
    results = run_gate(
        contract,
        folder / SCRATCH,
        _suite(node, contract),
        staging.counts,
        config=duckdb_config(node.settings),
    )
    if results and results[0].total != staging.well_formed:
        raise GateDisagreementError(
            f"{contract.dataset}: the gate and staging saw different rows",
            given=f"gate {results[0].total}, staging {staging.well_formed}",
            allowed="equal counts",
            hint="stage the delivery again; if that gives the same: shanhai delivery refuse",
        )
    return tuple(
        CheckRecord(
            rule=result.rule,
            dimension=result.dimension,
            sql=result.sql,
            unexpected=result.unexpected,
            total=result.total,
            success=result.success,
        )
        for result in results
    )


def _queries(node: Node, contract: Contract, folder: Path) -> list[QueryResult]:
    """The contract's own queries, after the gate has closed the scratch file."""
    return run_queries(contract, folder / SCRATCH, config=duckdb_config(node.settings))


def _recorded(result: QueryResult) -> QueryRecord:
    query = result.query
    return QueryRecord(
        name=query.name,
        dimension=query.measured,
        severity=query.severity,
        sql=query.sql,
        given=result.given,
        allowed=query.allowed,
        success=result.success,
        description=query.description,
    )


def _suite(node: Node, contract: Contract) -> dict[str, Any]:
    dataset = contract.dataset
    file = node.federation.root / "expectations" / dataset.district / f"{dataset.name}.json"
    if not file.is_file():
        raise ConfigurationError(
            "the suite of the dataset was not generated", given=dataset, hint="shanhai generate"
        )
    suite: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return suite


def _implausible(
    node: Node, contract: Contract, delivery: DeliveryId, staging: Staging, books: Mapping[str, Net]
) -> tuple[Finding, ...]:
    rules = read_plausibility(node.federation.root, contract)
    newest = staging.newest.get(rules.freshness.column) if rules.freshness else None
    figures = DeliveryFigures(
        rows=staging.rows_in,
        filled=staging.filled,
        history=[net.counts.rows_in for net in accepted_before(books, delivery).values()],
        newest=newest,
        start=_start(contract, sidecar(node, delivery).window),
        not_yet=frozenset(column.name for column in contract.columns if column.source in staging.not_yet),
    )
    return find_implausible(rules, figures)


def _start(contract: Contract, window: str | None) -> datetime | None:
    """Midnight in the contract's time zone of the day on which a window begins.

    A key that is not of the contract's form tells none: the delivery is there, and is judged without it.
    """
    try:
        day = None if window is None else first_day(contract.schedule.window, window)
    except ValueError:
        log.warning("unreadable window=%s dataset=%s", window, contract.dataset)
        return None
    return None if day is None else datetime.combine(day, time.min, ZoneInfo(contract.time_zone))
