"""What staging and checking leave behind for the next step: two small records per delivery, as files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shanhai.ids import DeliveryId
from shanhai.ingest.files import write_whole
from shanhai.ingest.node import Node

State = Literal["accepted", "held", "refused", "withdrawn"]
Record = TypeVar("Record", bound=BaseModel)


class Staging(BaseModel):
    """How a delivery's rows were divided, by the contract of `contract_digest`.

    rows_in = good + quarantined + duplicates + superseded, always. `duplicates` and `superseded` are
    those within the delivery; what loses to other deliveries is settled by the load. `filled` counts the
    values of a column, `newest` is the greatest of a timestamp column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: str
    contract_version: str
    contract_digest: str
    rows_in: int
    good: int
    quarantined: int
    duplicates: int
    superseded: int
    counts: dict[str, int]
    malformed: dict[str, int]
    filled: dict[str, int]
    newest: dict[str, datetime | None]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    unreadable: str | None
    quarantine_file: str | None
    quarantine_sha256: str | None


class CheckRecord(BaseModel):
    """The count of one rule, as Great Expectations and staging both found it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    dimension: str
    sql: str
    unexpected: int
    total: int
    success: bool


class FindingRecord(BaseModel):
    """One implausibility of a delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    given: str
    allowed: str
    reason: str = ""
    args: dict[str, str] = Field(default_factory=dict, description="limits, where `allowed` is a sentence")


class ReasonRecord(BaseModel):
    """One reason of a verdict, for each language to word; `text` is its English sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    args: dict[str, str]
    text: str


class QueryRecord(BaseModel):
    """One query of the contract: its answer, what it must be, and SQL that gives it again.

    `sql` runs in plain DuckDB over a relation `delivery`: the delivery's rows that break no rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dimension: str
    severity: str
    sql: str
    given: str
    allowed: str
    success: bool
    description: str = ""


class Validation(BaseModel):
    """The outcome of the check of one delivery: the verdict, and every number behind it.

    `why` has the reasons as codes and facts; a record that was made before they were kept has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: str
    contract_version: str
    contract_digest: str
    verdict: State
    reasons: tuple[str, ...]
    checks: tuple[CheckRecord, ...]
    findings: tuple[FindingRecord, ...]
    queries: tuple[QueryRecord, ...] = ()
    why: tuple[ReasonRecord, ...] = ()


def save(node: Node, delivery: DeliveryId, record: Staging | Validation) -> None:
    """Keep a record beside the staged files of its delivery."""
    write_whole(_file(node, delivery, type(record)), record.model_dump_json(indent=1) + "\n")


def read_staging(node: Node, delivery: DeliveryId) -> Staging | None:
    """The staging record by the contract as it is now; None when the delivery must be staged."""
    return _current(node, delivery, Staging)


def read_validation(node: Node, delivery: DeliveryId) -> Validation | None:
    """The validation record by the contract as it is now; None when the delivery must be checked."""
    return _current(node, delivery, Validation)


def last_record(node: Node, delivery: DeliveryId, kind: type[Record]) -> Record | None:
    """The record as it was last written, by whatever contract."""
    file = _file(node, delivery, kind)
    if not file.is_file():
        return None
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError:
        return None


def _current(node: Node, delivery: DeliveryId, kind: type[Record]) -> Record | None:
    record = last_record(node, delivery, kind)
    contract = node.federation.contract(delivery.dataset)
    if record is None or getattr(record, "contract_digest", None) != contract.digest:
        return None
    return record


def _file(node: Node, delivery: DeliveryId, kind: type[BaseModel]) -> Path:
    return node.staged(delivery) / f"{kind.__name__.lower()}.json"
