"""The rules of a contract, in a stable order, and the SQL that finds the rows which break one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shanhai.contracts.coordinates import SYSTEMS, axis_of
from shanhai.contracts.kinds import DIMENSIONS, Dimension, Kind
from shanhai.contracts.model import Column, Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ConfigurationError
from shanhai.quality.expressions import VALUE_SUFFIX, clean, one_of, typed
from shanhai.quality.identifiers import area_code, gb28181_id, resident_id, social_credit_code
from shanhai.quality.places import bounds

_VALIDATORS: dict[Kind, Callable[[str], str]] = {
    "resident_id": resident_id,
    "social_credit_code": social_credit_code,
    "area_code": area_code,
    "gb28181_id": gb28181_id,
}


@dataclass(frozen=True)
class Rule:
    """One rule on one column; `name` is `<column>.<kind>`."""

    column: str
    kind: Kind

    @property
    def name(self) -> str:
        """How the rule is called in results, in quarantine reasons and in the suite."""
        return f"{self.column}.{self.kind}"

    @property
    def dimension(self) -> Dimension:
        """Its dimension of data quality by GB/T 36344."""
        return DIMENSIONS[self.kind]


def rules_for(contract: Contract) -> tuple[Rule, ...]:
    """Every rule of a contract: columns in the contract's order, kinds in the order of `Kind`.

    Raises:
        ConfigurationError: a column that is no number has a minimum or a maximum.
    """
    return tuple(Rule(column.name, kind) for column in contract.columns for kind in _kinds(column))


def violation(rule: Rule, contract: Contract) -> str:
    """SQL of type BOOLEAN over the raw columns, never NULL: TRUE where a row breaks `rule`.

    All kinds but `required` leave missing values alone; `range` leaves alone what has no value. A range
    is compared in floating point, as Great Expectations does.
    """
    column = contract.column(rule.column)
    return _never_null(_broken(rule.kind, column, clean(column), typed(column, contract)))


def checked_violation(rule: Rule, contract: Contract) -> str:
    """The same over the columns of the view `checked`, which are cleaned and typed once only."""
    return _never_null(_broken_checked(rule, contract))


def any_violation(contract: Contract) -> str:
    """SQL of type BOOLEAN over the columns of `checked`, never NULL: TRUE where a row breaks any rule."""
    broken = " OR ".join(f"({_broken_checked(rule, contract)})" for rule in rules_for(contract))
    # One guard against NULL for all: a guard for each rule costs as much as the rules.
    return _never_null(broken) if broken else "FALSE"


def _never_null(condition: str) -> str:
    return f"coalesce({condition}, FALSE)"


def _broken_checked(rule: Rule, contract: Contract) -> str:
    column = contract.column(rule.column)
    return _broken(
        rule.kind, column, quote_identifier(column.name), quote_identifier(column.name + VALUE_SUFFIX)
    )


def _kinds(column: Column) -> Iterator[Kind]:
    if column.required:
        yield "required"
    if column.type != "string":
        yield "type"
    if column.pattern is not None:
        yield "pattern"
    if column.codes:
        yield "codes"
    if column.minimum is not None or column.maximum is not None:
        if column.type not in ("integer", "number"):
            raise ConfigurationError(
                f"column {column.name} has a minimum or a maximum",
                given=column.type,
                allowed=("integer", "number"),
            )
        yield "range"
    if column.min_length is not None or column.max_length is not None:
        yield "length"
    yield from _meanings(column)


def _meanings(column: Column) -> Iterator[Kind]:
    for validator in _VALIDATORS:
        if validator in column.validators:
            yield validator
    axis = axis_of(column)
    if axis is not None and column.crs in SYSTEMS:
        yield axis


def _broken(kind: Kind, column: Column, text: str, value: str) -> str:
    """TRUE where the rule is broken, FALSE or NULL elsewhere."""
    match kind:
        case "required":
            return f"({text} IS NULL)"
        case "type":
            return f"({text} IS NOT NULL AND {value} IS NULL)"
        case "pattern":
            return f"NOT regexp_full_match({text}, {quote_literal(column.pattern or '')})"
        case "codes":
            return f"NOT {one_of(text, column.codes)}"
        case "range":
            return _outside(value, _double(column.minimum), _double(column.maximum))
        case "length":
            return _outside(f"length({text})", _whole(column.min_length), _whole(column.max_length))
        case "longitude" | "latitude":
            low, high = bounds(kind, column.crs or "")
            return _outside(value, _double(low), _double(high))
        case "resident_id" | "social_credit_code" | "area_code" | "gb28181_id":
            return f"({text} IS NOT NULL AND NOT {_VALIDATORS[kind](text)})"


def _outside(value: str, low: str | None, high: str | None) -> str:
    tests = [f"{value} < {low}"] if low is not None else []
    tests += [f"{value} > {high}"] if high is not None else []
    return " OR ".join(tests)


def _double(limit: float | None) -> str | None:
    return None if limit is None else f"CAST({quote_literal(repr(float(limit)))} AS DOUBLE)"


def _whole(limit: int | None) -> str | None:
    return None if limit is None else str(int(limit))
