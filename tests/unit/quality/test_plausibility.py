"""Plausibility: rules from a file or by default, and what they find."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Source
from shanhai.errors import ContractError
from shanhai.quality.plausibility import (
    DeliveryFigures,
    Plausibility,
    find_implausible,
    plausibility_path,
    read_plausibility,
)

CONTRACT = plain_contract(
    "longyou.water",
    Column(name="meter_id", source="m", type="string"),
    Column(name="read_at", source="t", type="timestamp"),
    Column(name="born_at", source="b", type="timestamp", personal=True),
    level="community",
)
START = datetime(2024, 3, 1, tzinfo=UTC)
SAID = "reason: the meters report hourly, since: 2024-01-01"


def rules(text):
    import yaml

    return Plausibility.model_validate(yaml.safe_load(text))


def names(found):
    return [finding.name for finding in found]


@pytest.mark.parametrize(
    ("history", "rows", "found"),
    [
        ([], 5, []),
        ([100], 5, []),
        ([100, 100], 50, ["rows.vs_median"]),
        ([100, 100], 60, []),
        ([100, 100], 180, []),
        ([100, 100], 200, ["rows.vs_median"]),
        ([10, 10], 2, ["rows.vs_median"]),
        ([10, 10], 3, []),
        ([10, 10], 30, []),
        ([10, 10], 31, ["rows.vs_median"]),
        ([1, 100, 1000], 100, []),
        ([], 0, ["rows.min"]),
    ],
)
def test_usual_limits_without_a_file(tmp_path, history, rows, found):
    usual = read_plausibility(tmp_path, CONTRACT)

    assert names(find_implausible(usual, DeliveryFigures(rows=rows, history=history))) == found


@pytest.mark.parametrize(("rows", "found"), [(1, []), (50, []), (200, []), (0, ["rows.min"])])
def test_no_number_is_usual_of_what_came_since_the_last_pull(tmp_path, rows, found):
    source = Source(connector="files", endpoint="portal", options={"cursor": {"column": "read_at"}})
    contract = plain_contract("longyou.water", *CONTRACT.columns, source=source)
    limits = read_plausibility(tmp_path, contract)

    assert names(find_implausible(limits, DeliveryFigures(rows=rows, history=[100, 100]))) == found


def test_a_file_may_allow_an_empty_delivery():
    allowed = rules(f"rows: {{min: 0, vs_median: null, {SAID}}}")

    assert find_implausible(allowed, DeliveryFigures(rows=0, history=[100, 100])) == ()


def test_limits_on_rows():
    limits = rules(f"rows: {{min: 10, max: 20, {SAID}}}")

    (finding,) = find_implausible(limits, DeliveryFigures(rows=21))
    assert (finding.name, finding.given, finding.allowed) == ("rows.max", "21", "<= 20")
    assert finding.reason == "the meters report hourly"
    assert names(find_implausible(limits, DeliveryFigures(rows=9))) == ["rows.min"]


def test_fill_is_a_share_of_all_rows():
    fill = rules(f"fill: {{meter_id: {{min: 0.9, {SAID}}}}}")

    assert find_implausible(fill, DeliveryFigures(rows=10, filled={"meter_id": 9})) == ()
    (finding,) = find_implausible(fill, DeliveryFigures(rows=10, filled={"meter_id": 8}))
    assert (finding.name, finding.given, finding.allowed) == ("fill.meter_id", "0.8000", ">= 0.9")


@pytest.mark.parametrize(
    ("newest", "found"),
    [
        (datetime(2024, 3, 1, 23, tzinfo=UTC), []),
        (datetime(2024, 3, 3, tzinfo=UTC), ["freshness.read_at"]),
        (datetime(2024, 2, 29, tzinfo=UTC), ["freshness.read_at"]),
        (None, ["freshness.read_at"]),
    ],
)
def test_freshness_relative_to_the_partition(newest, found):
    fresh = rules(f"freshness: {{column: read_at, within_hours: 24, {SAID}}}")

    assert names(find_implausible(fresh, DeliveryFigures(rows=1, newest=newest, start=START))) == found


def test_a_rule_does_not_hold_before_its_day():
    late = rules("rows: {min: 10, reason: more meters, since: 2024-03-02}")

    assert find_implausible(late, DeliveryFigures(rows=1, start=START)) == ()
    assert names(find_implausible(late, DeliveryFigures(rows=1))) == ["rows.min"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rows: {min: 1}", "rows.reason: is missing; given: min; allowed: a text"),
        (f"rows: {{mim: 1, {SAID}}}", "rows.mim: is not known; given: mim; allowed: "),
        (f"rows: {{min: 5, max: 1, {SAID}}}", "the lower limit exceeds"),
        (f"fill: {{meter: {{min: 0.9, {SAID}}}}}", "meter_id"),
        (
            f"fill: {{meter_id: {{min: 90, {SAID}}}}}",
            "is out of bounds; given: 90; allowed: a number from 0 to 1",
        ),
        (f"freshness: {{column: meter_id, within_hours: 1, {SAID}}}", "read_at"),
        (f"freshness: {{column: born_at, within_hours: 1, {SAID}}}", "not personal"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, text, named):
    file = tmp_path / plausibility_path(CONTRACT)
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ContractError) as error:
        read_plausibility(tmp_path, CONTRACT)
    assert named in str(error.value)
    assert "expectations/plausibility/longyou/water.yml:" in str(error.value)
