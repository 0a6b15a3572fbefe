"""What staging and checking leave behind for the next step: two small records per staging, as files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shanhai.ids import DeliveryId
from shanhai.ingest.files import write_whole
from shanhai.ingest.node import Node
from shanhai.ingest.terms import Terms
from shanhai.ingest.waivers import Waivers
from shanhai.quality.difference import Difference

State = Literal["accepted", "held", "refused", "withdrawn"]
Record = TypeVar("Record", bound=BaseModel)


class Staging(BaseModel):
    """How a delivery's rows were divided, by the contract of `contract_digest` and with its waivers.

    rows_in = good + quarantined + duplicates + superseded, always. `duplicates` and `superseded` are
    those within the delivery; what loses to other deliveries is settled by the load. `released` are the rows
    that break waived rules alone: they count as good, duplicate or superseded, and stand in the quarantine
    file too, marked. `missing` and `unknown` are headings that are gone or new; `not_yet` are those of
    columns that came later, and that are not there or have no value in any row; none of them is in
    `missing`. `filled` counts the values of a column, `newest` is the greatest of a timestamp column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delivery: str
    staging: str
    contract_version: str
    contract_digest: str
    waivers: Waivers = ()
    rows_in: int
    good: int
    quarantined: int
    duplicates: int
    superseded: int
    released: int = 0
    counts: dict[str, int]
    malformed: dict[str, int]
    filled: dict[str, int]
    newest: dict[str, datetime | None]
    missing: tuple[str, ...]
    not_yet: tuple[str, ...] = ()
    unknown: tuple[str, ...]
    unreadable: str | None
    good_sha256: str | None
    quarantine_file: str | None
    quarantine_sha256: str | None

    @property
    def well_formed(self) -> int:
        """Rows that are records at all; of no other is it known which column has a value."""
        return self.rows_in - sum(self.malformed.values())


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
    staging: str
    contract_version: str
    contract_digest: str
    verdict: State
    reasons: tuple[str, ...]
    checks: tuple[CheckRecord, ...]
    findings: tuple[FindingRecord, ...]
    queries: tuple[QueryRecord, ...] = ()
    why: tuple[ReasonRecord, ...] = ()
    differences: tuple[Difference, ...] = ()


def save(node: Node, delivery: DeliveryId, record: Staging | Validation) -> None:
    """Keep a record beside the staged files that it is of."""
    write_whole(_file(node, delivery, record.staging, type(record)), record.model_dump_json(indent=1) + "\n")


def read_staging(node: Node, delivery: DeliveryId, terms: Terms | None = None) -> Staging | None:
    """The record of staging on these terms, by default the contract as it is now; None when it must be."""
    return read_record(node, delivery, (terms or present_terms(node, delivery)).id, Staging)


def read_validation(node: Node, delivery: DeliveryId, terms: Terms | None = None) -> Validation | None:
    """The record of the check on these terms, by default the contract as it is now; None when it must be."""
    return read_record(node, delivery, (terms or present_terms(node, delivery)).id, Validation)


def forget_validation(node: Node, delivery: DeliveryId, terms: Terms) -> None:
    """Let the check on these terms be made again."""
    _file(node, delivery, terms.id, Validation).unlink(missing_ok=True)


def read_record(node: Node, delivery: DeliveryId, staging: str, kind: type[Record]) -> Record | None:
    """A record of the staging of this name; None when there is none that can be read."""
    file = _file(node, delivery, staging, kind)
    if not staging or not file.is_file():
        return None
    try:
        return kind.model_validate_json(file.read_bytes())
    except ValidationError:
        return None


def present_terms(node: Node, delivery: DeliveryId, waivers: Waivers = ()) -> Terms:
    """The contract as it is now."""
    return Terms(node.federation.contract(delivery.dataset), waivers)


def _file(node: Node, delivery: DeliveryId, staging: str, kind: type[BaseModel]) -> Path:
    return node.staging(delivery, staging) / f"{kind.__name__.lower()}.json"
