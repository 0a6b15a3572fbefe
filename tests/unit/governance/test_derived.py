"""What is built from several tables is as high as the highest of them, and as strict as the strictest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.schema import duckdb_type
from shanhai.errors import ConfigurationError
from shanhai.governance.derived import derived_columns, derived_received, derived_share_class
from shanhai.governance.values import Received


def source(share_class: str = "unconditional", **fields: object) -> Contract:
    return plain_contract(
        "longyou.visits",
        Column(name="a", source="a", type="string"),
        Column(name="b", source="b", type="string", **fields),
        share_class=share_class,
    )


def test_the_highest_wins_on_every_column():
    high = derived_columns({"n": "BIGINT", "t": "VARCHAR"}, [source(), source(classification="important")])
    assert [column.classification for column in high] == ["important", "important"]
    assert not any(column.personal for column in high)
    told = derived_columns({"n": "BIGINT"}, [source(personal=True), source(classification="core")])
    assert (told[0].classification, told[0].personal) == ("core", True)
    assert derived_columns({"n": "BIGINT"}, [source()])[0].classification == "general"


def test_the_strictest_class_wins():
    assert derived_share_class([source(), source("conditional")]) == "conditional"
    assert derived_share_class([source("not_shared"), source("conditional")]) == "not_shared"
    assert derived_share_class([source()]) == "unconditional"


def test_what_comes_of_nothing_known_stays():
    (column,) = derived_columns({"n": "BIGINT"}, [])
    assert (column.classification, column.personal) == ("core", True)
    assert derived_share_class([]) == "not_shared"


def test_types_are_those_of_a_contract():
    types = {"a": "VARCHAR", "b": "INTEGER", "c": "DECIMAL(12,2)", "d": "TIMESTAMP WITH TIME ZONE"}
    assert [duckdb_type(column) for column in derived_columns(types, [source()])] == [
        "VARCHAR",
        "BIGINT",
        "DECIMAL(12,2)",
        "TIMESTAMP WITH TIME ZONE",
    ]
    for other in ("TIMESTAMP", "BLOB", "INTEGER[]", "STRUCT(a INTEGER)", "DECIMAL"):
        with pytest.raises(ConfigurationError):
            derived_columns({"a": other}, [source()])


def test_a_source_without_a_contract_may_hold_anything():
    """A table of rows that were set aside, or one whose contract is gone."""
    (column,) = derived_columns({"n": "BIGINT"}, [source(), None])
    assert (column.classification, column.personal) == ("core", True)
    assert derived_share_class([source(), None]) == "not_shared"


def test_what_was_received_goes_on_under_the_strictest_of_its_conditions():
    early, late = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 9))
    first = Received("open", purpose="statistics", retain_until=late)
    second = Received("named", frozenset({"2" * 64, "3" * 64}), purpose="statistics", retain_until=early)
    third = Received("named", frozenset({"3" * 64}), stands=False)
    assert derived_received([None, None]) is None
    assert derived_received([None, first]) == first
    assert derived_received([first, second]) == second
    assert derived_received([first, second, third]) == Received(
        "named", frozenset({"3" * 64}), purpose="statistics", retain_until=early, stands=False
    )
    other = Received("open", purpose="marketing")
    assert (derived_received([first, other]) or first).purpose == ""
