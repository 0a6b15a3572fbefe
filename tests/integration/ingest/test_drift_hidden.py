"""Of columns that are important, core or personal no value is told, not even a code or a unit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from one_city import DATASET, City

from shanhai.ingest.drift.find import find_differences
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.quality.difference import Difference

MARKS = {
    "important": {"classification": "important"},
    "core": {"classification": "core"},
    "personal": {"customProperties": [{"property": "personal", "value": True}]},
}
CODES = [{"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["a"]}}]


def found(city: City, lines: list[str]) -> tuple[Difference, ...]:
    city.put("p1.csv", "\n".join(["id,level,n", *lines]))
    (delivery,) = pull(city.node, DATASET)
    staging = stage(city.node, delivery)
    return find_differences(city.node, city.node.federation.contract(DATASET), delivery, staging, {})


def columns(**mark: object) -> list[dict[str, object]]:
    return [
        {"name": "id", "logicalType": "string", "required": True},
        {"name": "level", "logicalType": "string", "quality": CODES, **mark},
        {"name": "n", "logicalType": "number", **mark},
    ]


@pytest.mark.parametrize("mark", [*MARKS, ""])
def test_codes_and_units(make_city: Callable[..., City], mark: str) -> None:
    city = make_city(columns=columns(**MARKS.get(mark, {})), versions={"rule": "append"}, tolerance=None)
    codes = found(city, [f"{at},{'secret' if at % 2 else 'a'},1" for at in range(40)])
    units = found(city, [f"{at},a,{at}quid" for at in range(40)])
    assert [one.code for one in (*codes, *units)] == (
        ["new_codes.hidden", "retyped_column.hidden_unit"] if mark else ["new_codes", "retyped_column.unit"]
    )
    said = " ".join(one.model_dump_json() for one in (*codes, *units))
    assert ("secret" in said, "quid" in said) == (not mark, not mark)


def test_full_width_digits_are_proposed_to_be_read(make_city: Callable[..., City]) -> None:
    city = make_city(columns=columns(), versions={"rule": "append"}, tolerance=None)
    (difference,) = found(city, [f"{at},a,１２．５" for at in range(40)])
    assert difference.text == "40 of 40 rows: n is written in full-width characters"
    assert difference.proposal is not None
    assert difference.proposal.action == "read_full_width"


@pytest.mark.parametrize(("person", "code", "shown"), [("张伟", "张伟投诉", False), ("7", "7级", True)])
def test_no_code_is_told_that_has_a_value_of_a_person(
    make_city: Callable[..., City], person: str, code: str, shown: bool
) -> None:
    declared = [*columns()[:2], {"name": "n", "logicalType": "string", **MARKS["personal"]}]
    city = make_city(columns=declared, versions={"rule": "append"}, tolerance=None)
    (difference,) = found(city, [f"{at},{code if at % 2 else 'a'},{person}" for at in range(40)])
    assert (code in difference.model_dump_json()) == shown


def test_a_cell_too_many_is_named_by_the_last_place_that_it_can_have(make_city: Callable[..., City]) -> None:
    declared = [*columns()[:1], {"name": "level", "logicalType": "string"}, columns()[2]]
    city = make_city(columns=declared, versions={"rule": "append"}, tolerance=None)
    (difference,) = found(city, [f"{at},a,more,1" if at % 2 else f"{at},a,1" for at in range(40)])
    assert difference.code == "shifted_columns.cell_too_many"
    assert difference.text.endswith("have one cell too many, at n or before")
