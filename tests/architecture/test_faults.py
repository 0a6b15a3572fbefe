"""The matrix of races and faults, and the runbooks, name tests, alerts and sections that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shanhai import errors

ROOT = Path(__file__).parents[2]
FAULTS = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
RUNBOOKS = (ROOT / "docs" / "guide" / "runbooks.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", FAULTS)))
ANSWERS = r"\*\*(Neither|Nothing|Clear|A run|Do not clear|Run again)"


def test_every_row_of_the_matrix_names_a_test():
    sections = FAULTS.split("\n## ")[1:]
    for section in (one for one in sections if "| proven by |" in one):
        rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
        assert rows
        named = r"`tests/[\w/]+\.py(::\w+)?`"
        assert re.search(named, rows[0].split("|")[-2])
        assert [row for row in rows if not re.search(f"{named}|^ the same $", row.split("|")[-2])] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert not name or name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_way_to_recover_has_a_runbook():
    found = {
        one.recovery for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "recovery")
    }
    assert {name for name in found if f"`{name}`" not in RUNBOOKS} == set()


def test_the_first_line_of_each_runbook_says_whether_to_clear_or_to_run_again():
    sections = [one.split("\n", 2) for one in RUNBOOKS.split("\n## ")[1:]]
    assert len(sections) > 15
    assert [title for title, _, text in sections if not re.match(ANSWERS, text)] == []


def test_every_link_to_a_section_leads_to_one():
    for page in (ROOT / "docs").rglob("*.md"):
        for path, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in path:
                target = (page.parent / path) if path else page
                assert anchor in _anchors(target), f"{page.name}: {path}#{anchor}"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
