"""Which rules a contract has, in which order, and what they are called in the suite."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from plain_contract import plain_contract

from shanhai.contracts import suite_ids, suite_types
from shanhai.contracts.kinds import DIMENSIONS, Kind
from shanhai.contracts.model import Column
from shanhai.contracts.render_suite import render, suite
from shanhai.errors import ConfigurationError
from shanhai.quality.rules import rules_for


def contract(*columns):
    return plain_contract("gongshu.grids", *columns, version="1.2.0")


FULL = contract(
    Column(name="b", source="b", type="string", required=True, pattern="x", codes=("x",), min_length=1),
    Column(name="a", source="a", type="integer", required=True, minimum=0),
    Column(
        name="c",
        source="c",
        type="string",
        validators=("area_code", "social_credit_code", "resident_id"),
    ),
    Column(name="free", source="free", type="string"),
)
NAMES = [
    "b.required",
    "b.pattern",
    "b.codes",
    "b.length",
    "a.required",
    "a.type",
    "a.range",
    "c.resident_id",
    "c.social_credit_code",
    "c.area_code",
]


def test_rules_in_a_stable_order():
    assert [rule.name for rule in rules_for(FULL)] == NAMES


def test_every_kind_has_a_dimension():
    assert set(DIMENSIONS) == set(get_args(Kind))
    assert {rule.kind: rule.dimension for rule in rules_for(FULL)}["area_code"] == "conformity"


def test_a_range_on_a_text_is_refused():
    with pytest.raises(ConfigurationError, match="minimum"):
        rules_for(contract(Column(name="a", source="a", type="string", maximum=1)))


def test_the_suite_has_one_expectation_per_rule_with_its_name_and_dimension():
    rendered = suite(FULL)

    assert [one["meta"]["rule"] for one in rendered["expectations"]] == NAMES
    assert rendered["expectations"][2] == {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "b", "value_set": ["x"]},
        "meta": {"rule": "b.codes", "dimension": "conformity"},
    }
    assert rendered["meta"] == {"dataset": "gongshu.grids", "contract_version": "1.2.0"}


def test_suites_are_files_that_a_person_can_read():
    files = render(SimpleNamespace(contracts={FULL.dataset: FULL}))

    ((path, text),) = files.items()
    assert path == Path("expectations/gongshu/grids.json")
    assert json.loads(text) == suite(FULL)
    assert text.endswith("}\n")
    assert '\n  "expectations": [' in text


def test_the_suite_is_written_apart_from_staging():
    for module in (suite_ids, suite_types):
        source = Path(module.__file__).read_text(encoding="utf-8")
        assert "from shanhai.quality" not in source
        assert "great_expectations" not in source
