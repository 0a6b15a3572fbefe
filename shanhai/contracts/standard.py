"""The standard's keys, sorted: what is read, what is documentation, and what is refused.

A refused key is one that a reader would take for a rule and that nothing here follows. Every key of ODCS
v3.1.0 for tables, columns and quality is in one of the three; the contract itself has none to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shanhai.contracts.queries import OPERATORS


@dataclass(frozen=True, eq=False)
class Keys:
    """The keys of one kind of object; `refused` gives the hint of each."""

    of: str
    read: tuple[str, ...]
    documentation: tuple[str, ...]
    refused: Mapping[str, str]

    @property
    def accepted(self) -> tuple[str, ...]:
        """What an object may have."""
        return (*self.read, *self.documentation)

    def rules_not_followed(self, item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The refused keys of an object, each with its hint. One that says no or nothing states no rule."""
        for key, value in item.items():
            says_nothing = value is None or value is False or value in ("", [], {})
            if key not in self.accepted and not says_nothing:
                yield key, self.refused.get(key, "")


_TRANSFORMED = "rows are kept as they came; transform in dbt/models"
_RELATED = "areas are looked up with the validator area_code; other references are tested in dbt/models"
_NO_OPERATOR = "codes allow no exception: mustBe: 0; tolerance is the contract's"
_NO_CODE = "what no option of a type says is a test in dbt/models"
_ALL_ROWS = "all rows are checked"
_EACH_DELIVERY = "every delivery is checked"
_NESTED = "a nested value is a column of its own, with a dotted path as its source"

TABLE = Keys(
    of="a table",
    read=("name", "properties", "quality"),
    documentation=(
        *("id", "businessName", "description", "tags", "authoritativeDefinitions"),
        *("logicalType", "physicalType", "dataGranularityDescription"),
    ),
    refused={
        "relationships": _RELATED,
        "physicalName": "the table is called district.dataset",
        "customProperties": "the contract's custom properties stand at its top",
    },
)
COLUMN = Keys(
    of="a column",
    read=(
        *("name", "businessName", "description", "logicalType", "physicalType", "required"),
        *("primaryKey", "primaryKeyPosition", "classification", "logicalTypeOptions"),
        *("quality", "customProperties"),
    ),
    documentation=("id", "tags", "authoritativeDefinitions", "examples", "criticalDataElement"),
    refused={
        "unique": "what is unique is the primaryKey; for equal rows there is `duplicates`",
        "partitioned": "the contract's custom property `delivery` says what a partition is",
        "partitionKeyPosition": "the contract's custom property `delivery` says what a partition is",
        "physicalName": "a heading is the custom property `source`; the lake's column has the name",
        "encryptedName": "nothing is encrypted here",
        "relationships": _RELATED,
        "transformLogic": _TRANSFORMED,
        "transformSourceObjects": _TRANSFORMED,
        "transformDescription": _TRANSFORMED,
        "items": _NESTED,
        "properties": _NESTED,
    },
)
QUALITY = Keys(
    of="a list of codes",
    read=("type", "metric", "mustBe", "arguments"),
    documentation=(
        *("id", "name", "description", "dimension", "businessImpact", "tags"),
        "authoritativeDefinitions",
    ),
    refused={
        "rule": "the standard calls it metric",
        "query": "a query is an entry of type: sql",
        "engine": _NO_CODE,
        "implementation": _NO_CODE,
        "unit": _NO_OPERATOR,
        "severity": "every broken rule quarantines its row",
        "method": _ALL_ROWS,
        "schedule": _EACH_DELIVERY,
        "scheduler": _EACH_DELIVERY,
        "customProperties": "nothing reads them",
        "mustNotBe": _NO_OPERATOR,
        "mustBeGreaterThan": _NO_OPERATOR,
        "mustBeGreaterOrEqualTo": _NO_OPERATOR,
        "mustBeLessThan": _NO_OPERATOR,
        "mustBeLessOrEqualTo": _NO_OPERATOR,
        "mustBeBetween": _NO_OPERATOR,
        "mustNotBeBetween": _NO_OPERATOR,
    },
)
QUERY = Keys(
    of="a query",
    read=("type", "name", "query", "description", "severity", "dimension", *OPERATORS),
    documentation=("id", "businessImpact", "tags", "authoritativeDefinitions", "unit"),
    refused={
        "metric": "a query measures for itself",
        "rule": "a query measures for itself",
        "arguments": "the query says all",
        "engine": _NO_CODE,
        "implementation": _NO_CODE,
        "method": _ALL_ROWS,
        "schedule": _EACH_DELIVERY,
        "scheduler": _EACH_DELIVERY,
        "customProperties": "nothing reads them",
    },
)
