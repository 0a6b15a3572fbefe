"""Quality that a contract states as SQL: a query that gives one number or truth, and what it must be."""

from __future__ import annotations

import math
import sys
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shanhai.contracts.refusals import WrongValueError
from shanhai.contracts.sql import quote_identifier

DELIVERY_VIEW = "delivery"
"""The relation that a query counts in: what `{object}` stands for."""

Number = int | float
Severity = Literal["info", "warning", "error"]
QueryDimension = Literal[
    "accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"
]

_BY_STANDARD: dict[str, str] = {"coverage": "completeness", "uniqueness": "accuracy"}
_SIGNS = {
    "mustBe": "{}",
    "mustNotBe": "not {}",
    "mustBeGreaterThan": "> {}",
    "mustBeGreaterOrEqualTo": ">= {}",
    "mustBeLessThan": "< {}",
    "mustBeLessOrEqualTo": "<= {}",
    "mustBeBetween": "{} to {}",
    "mustNotBeBetween": "not {} to {}",
}
OPERATORS = tuple(_SIGNS)


class Query(BaseModel):
    """One entry `{type: sql}` of `quality`, of the table or of a column.

    `severity` says what becomes of a delivery that fails: `info` is noted, `warning` holds it, `error`
    refuses it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    type: Literal["sql"] = "sql"
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    query: str = Field(min_length=1, max_length=4096)
    description: str = ""
    severity: Severity = "warning"
    dimension: QueryDimension = "consistency"
    operator: str
    limits: tuple[bool | Number, ...]
    column: str | None = None
    line: int | None = Field(default=None, description="where it stands in its file")

    @model_validator(mode="after")
    def _limits_are_numbers(self) -> Query:
        pair = self.operator.endswith("Between")
        if len(self.limits) != (2 if pair else 1) or not all(map(_is_finite, self.limits)):
            number = "[5, 10]" if pair else "5"
            raise WrongValueError(
                f"{self.operator} takes {'two numbers' if pair else 'a number'}",
                allowed=f"such as {self.operator}: {number}",
            )
        if pair and self.limits[0] > self.limits[1]:
            low, high = self.limits
            raise WrongValueError(
                f"{self.operator}: the smaller number comes first", allowed=f"[{high}, {low}]"
            )
        return self

    @property
    def sql(self) -> str:
        """The query with its placeholders filled: `{object}` and `{property}`, with a dollar or without."""
        text = self.query
        for placeholder, name in (("{object}", DELIVERY_VIEW), ("{property}", self.column)):
            if name is not None:
                quoted = quote_identifier(name)
                text = text.replace("$" + placeholder, quoted).replace(placeholder, quoted)
        return text.strip()

    @property
    def allowed(self) -> str:
        """What the answer must be, as a person writes it: `>= 5`, `0 to 10`."""
        return _SIGNS[self.operator].format(*(f"{limit}".lower() for limit in self.limits))

    @property
    def measured(self) -> str:
        """The dimension of GB/T 36344, of which coverage and uniqueness are parts."""
        return _BY_STANDARD.get(self.dimension, self.dimension)

    def holds(self, answer: bool | Number | None) -> bool:
        """Whether an answer is as it must be; no answer, or one that is no number, never is."""
        if answer is None or math.isnan(answer):
            return False
        low, high = self.limits[0], self.limits[-1]
        match self.operator:
            case "mustBe":
                return answer == low
            case "mustNotBe":
                return answer != low
            case "mustBeGreaterThan":
                return answer > low
            case "mustBeGreaterOrEqualTo":
                return answer >= low
            case "mustBeLessThan":
                return answer < low
            case "mustBeLessOrEqualTo":
                return answer <= low
            case "mustBeBetween":
                return low <= answer <= high
            case "mustNotBeBetween":
                return not low <= answer <= high
            case other:
                raise ValueError(f"no such operator: {other}")


def _is_finite(limit: bool | Number) -> bool:
    """Also of a whole number that is too great to be compared with anything that a query answers."""
    return -sys.float_info.max <= limit <= sys.float_info.max


def query_fields(entry: dict[str, Any], *, column: str | None, line: int | None) -> dict[str, Any]:
    """The fields of a `Query`: the standard's operators are keys of the entry, here they are a value."""
    fields = {key: value for key, value in entry.items() if key in Query.model_fields}
    stated = [key for key in OPERATORS if key in entry]
    limit = entry[stated[0]] if stated else None
    return {
        **fields,
        "operator": stated[0] if stated else None,
        "limits": limit if isinstance(limit, list) else (limit,),
        "column": column,
        "line": line,
    }
