"""The page of rules and masks says what the code says: every rule, mask, refusal and function."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from shanhai.contracts.model import Column, ColumnType
from shanhai.governance.filters import FUNCTIONS
from shanhai.governance.findings import POLICY_CODES, RULES
from shanhai.governance.masks import ACTIONS, mask_fault
from shanhai.governance.refusals import SHAPE_CODES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "release.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, str]:
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, title
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", found[1], re.MULTILINE))


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_rule_in_its_order():
    assert [name for cell in rows("Rules") for name in quoted(cell)] == list(RULES)


def test_every_code_of_groups():
    told = {name for cell in rows("Groups of people") for name in quoted(cell)}
    assert told == {code for code in POLICY_CODES if code.startswith("k-")}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_mask_with_its_types(action):
    told = rows("Masks")[f"`{action}`"]
    kinds = get_args(ColumnType)
    can = [
        kind
        for kind in kinds
        if mask_fault(action, Column(name="c", source="c", type=kind, min_length=20)) is None
    ]
    assert (list(kinds) if told == "all" else quoted(told)) == can


def test_every_refusal_of_a_mask():
    told = {name for cell in rows("Masks") for name in quoted(cell)} - set(ACTIONS)
    assert told == {code for code in SHAPE_CODES if code.startswith("mask-")} - {"mask-of-other-column"}


def test_every_function_of_a_filter():
    told = [name for cell in rows("Row filters").values() for name in quoted(cell)]
    assert sorted(told) == sorted(name for name in FUNCTIONS if name.isidentifier())


def test_no_other_code_is_named():
    codes = re.findall(r"`((?:k|mask|row|purpose)-[a-z-]+)`", PAGE)
    assert set(codes) <= {*POLICY_CODES, *SHAPE_CODES, *ACTIONS, *RULES}
