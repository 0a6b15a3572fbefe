"""The Great Expectations suite of a contract, as JSON: native expectations, else conditions in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shanhai.contracts.coordinates import SYSTEMS, axis_of
from shanhai.contracts.federation import Federation
from shanhai.contracts.kinds import DIMENSIONS, Kind
from shanhai.contracts.model import Column, Contract
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.contracts.suite_ids import id_condition
from shanhai.contracts.suite_places import place_bounds
from shanhai.contracts.suite_types import type_condition
from shanhai.contracts.texts import FALSE_TEXTS, TRUE_TEXTS

SATISFY = "expect_column_values_to_satisfy_sql"
"""Our one expectation: every value that is there satisfies a condition in SQL. See `shanhai.quality`."""


def render(federation: Federation) -> dict[Path, str]:
    """Every contract's suite as a file, by its path within the federation.

    Raises:
        ContractError: a contract is wrong.
    """
    return {
        suite_path(contract): json.dumps(suite(contract), ensure_ascii=False, indent=2) + "\n"
        for contract in federation.contracts.values()
    }


def suite_path(contract: Contract) -> Path:
    """Where the suite of a contract lies within the federation."""
    return Path("expectations", contract.dataset.district, f"{contract.dataset.name}.json")


def suite(contract: Contract) -> dict[str, Any]:
    """The suite over the table `checked`: one expectation per rule, in the order of the rules.

    `meta` of an expectation names its rule and the dimension of GB/T 36344 that it measures.
    """
    return {
        "name": str(contract.dataset),
        "meta": {"dataset": str(contract.dataset), "contract_version": contract.version},
        "expectations": [
            {
                "type": expectation,
                "kwargs": arguments,
                "meta": {"rule": f"{column.name}.{kind}", "dimension": DIMENSIONS[kind]},
            }
            for column in contract.columns
            for kind, expectation, arguments in _expectations(column)
        ],
    }


def _expectations(column: Column) -> Iterator[tuple[Kind, str, dict[str, Any]]]:
    name, text = column.name, quote_identifier(column.name)
    if column.required:
        yield "required", "expect_column_values_to_not_be_null", {"column": name}
    if column.type == "boolean":
        yield "type", *_in_set(name, (*TRUE_TEXTS, *FALSE_TEXTS))
    elif column.type != "string":
        yield "type", *_satisfy(name, type_condition(column, text))
    if column.pattern is not None:
        whole = quote_literal(f"^(?:{column.pattern})$")
        yield "pattern", *_satisfy(name, f"regexp_matches({text}, {whole})")
    if column.codes:
        yield "codes", *_in_set(name, column.codes)
    if column.minimum is not None or column.maximum is not None:
        bounds = {"min_value": column.minimum, "max_value": column.maximum}
        yield (
            "range",
            "expect_column_values_to_be_between",
            {"column": f"{name}__value", **_given(bounds)},
        )
    if column.min_length is not None or column.max_length is not None:
        yield "length", *_satisfy(name, _within(f"length({text})", column.min_length, column.max_length))
    yield from _meanings(column)


def _meanings(column: Column) -> Iterator[tuple[Kind, str, dict[str, Any]]]:
    name, text = column.name, quote_identifier(column.name)
    for validator in ("resident_id", "social_credit_code", "area_code", "gb28181_id"):
        if validator in column.validators:
            yield validator, *_satisfy(name, id_condition(validator, text))
    axis = axis_of(column)
    if axis is not None and column.crs in SYSTEMS:
        bounds = place_bounds(axis, column.crs)
        yield axis, "expect_column_values_to_be_between", {"column": f"{name}__value", **bounds}


def _in_set(name: str, texts: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    return "expect_column_values_to_be_in_set", {"column": name, "value_set": list(texts)}


def _satisfy(name: str, condition: str) -> tuple[str, dict[str, Any]]:
    return SATISFY, {"column": name, "condition": condition}


def _within(length: str, least: int | None, most: int | None) -> str:
    # Great Expectations' own expectation of lengths would read all rows once more.
    bounds = [] if least is None else [f"{length} >= {least}"]
    return " AND ".join(bounds if most is None else [*bounds, f"{length} <= {most}"])


def _given(bounds: Mapping[str, float | None]) -> dict[str, float]:
    return {name: limit for name, limit in bounds.items() if limit is not None}
