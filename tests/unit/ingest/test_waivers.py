"""Waivers mean the same in whatever order and by whomever they were given, and a staging is named by it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shanhai.ingest.waivers import MOST_ROWS, Waiver, canonical, waived_rows


def waiver(*rules, rows=None, by="Li"):
    return Waiver(rules=rules, rows=rows, by=by, reason="x")


ONE, OTHER = ("a.csv", 1), ("a.csv", 2)


@pytest.mark.parametrize(
    ("some", "others"),
    [
        ([waiver("n.range", "z.length")], [waiver("z.length", by="Wang"), waiver("n.range")]),
        (
            [waiver("n.range", rows=(ONE, OTHER))],
            [waiver("n.range", rows=(OTHER,)), waiver("n.range", rows=(ONE,))],
        ),
        (
            [waiver("n.range"), waiver("n.range", rows=(ONE,))],
            [waiver("n.range", rows=(OTHER,)), waiver("n.range")],
        ),
    ],
    ids=["rules", "rows", "every row"],
)
def test_what_means_the_same_has_one_text(some, others):
    assert canonical(some) == canonical(others)
    assert waived_rows(some) == waived_rows(others)


@pytest.mark.parametrize(
    "other", [[], [waiver("n.codes")], [waiver("n.range")], [waiver("n.range", rows=(OTHER,))]]
)
def test_what_means_something_else_has_another(other):
    assert canonical([waiver("n.range", rows=(ONE,))]) != canonical(other)


def test_a_waiver_of_no_rule_or_of_an_empty_list_of_rows_cannot_be_made():
    """An empty list must never be taken for every row."""
    for wrong in ({"rules": ()}, {"rules": ("n.range",), "rows": ()}):
        with pytest.raises(ValidationError):
            Waiver(**wrong, by="Li", reason="x")
    with pytest.raises(ValidationError):
        waiver("n.range", rows=tuple(("a.csv", place) for place in range(MOST_ROWS + 1)))


def test_waivers_come_back_from_a_commit_as_they_were():
    before = waiver("n.range", rows=(ONE, OTHER))
    assert Waiver.model_validate_json(before.model_dump_json()) == before
