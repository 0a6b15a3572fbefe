"""Which sources are asked for one window at a time, and which forms of a window there may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shanhai.contracts.model import Contract, CsvFormat
from shanhai.contracts.partitions import asks_for_windows, is_finer_than_a_day, natural_order


def contract(options: dict[str, Any], by: str = "none") -> Contract:
    return Contract.model_validate(
        {
            "dataset": {"district": "longyou", "name": "meters"},
            "version": "1.0.0",
            "status": "active",
            "title": "meters",
            "level": "district",
            "share_class": "conditional",
            "columns": [{"name": "a", "source": "a", "type": "string"}],
            "source": {"connector": "files", "endpoint": "portal", "options": options},
            "format": CsvFormat(),
            "delivery": {"partition": {"by": by}},
            "path": Path("meters.odcs.yml"),
            "digest": "0" * 64,
        }
    )


@pytest.mark.parametrize(
    "options",
    [
        {"path": "{window}.csv"},
        {"path": ["a.csv", "b/{window:%Y%m%d}.csv"]},
        {"params": {"to": "{next_window}"}},
        {"paging": {"deep": [{"to": "{next_window:%Y/%m}"}]}},
    ],
)
def test_a_placeholder_anywhere_asks_for_windows(options):
    assert asks_for_windows(contract(options))


def test_a_partition_by_window_asks_for_windows_and_other_braces_do_not():
    assert asks_for_windows(contract({}, by="window"))
    assert not asks_for_windows(contract({"path": "{windows}.csv", "size": 1, "windows": ["2024"]}))


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H", "%Y%m%d%I%p", "%H%M%S", "%c", "%-H", "%s"])
def test_forms_finer_than_a_day(form):
    assert is_finer_than_a_day(form)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m", "%Y", "%G-W%V", "%%H-%Y"])
def test_forms_of_a_day_or_longer(form):
    assert not is_finer_than_a_day(form)


@pytest.mark.parametrize(
    ("given", "escape"),
    [({}, '"'), ({"quote": "'"}, "'"), ({"quote": "'", "escape": None}, "'"), ({"escape": "\\"}, "\\")],
)
def test_the_escape_is_the_quote_unless_stated(given, escape):
    assert CsvFormat(**given).escape == escape


def test_names_are_ordered_as_people_do():
    mixed = ["2²12", "v10", "第10期", "2²3", "第2期", "v9"]
    assert sorted(mixed, key=natural_order) == ["v9", "v10", "第2期", "第10期", "2²3", "2²12"]
