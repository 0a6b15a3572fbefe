"""What a build lists: of models how they went, and of tests also how many rows they found."""

from __future__ import annotations

from shanhai.cli.build import listed
from shanhai.cli.output import cell
from shanhai.warehouse.runner import NodeResult


def test_only_tests_find_rows() -> None:
    results = [
        NodeResult("dim_area", "model", "success", 0.1, 0, "", public=True),
        NodeResult("areas_are_known", "test", "pass", 0.1, 0, ""),
        NodeResult("areas_have_names", "test", "warn", 0.1, 3, ""),
        NodeResult("area_codes", "seed", "success", 0.1, 0, ""),
    ]
    rows = listed([vars(one) for one in results])
    assert [cell(row["found"]) for row in rows] == ["–", "0", "3", "–"]
