"""Every mart is described in two languages, and the page says what the project says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "marts.md").read_text(encoding="utf-8")
PROJECT = yaml.safe_load((ROOT / "dbt" / "dbt_project.yml").read_text(encoding="utf-8"))
MODELS: dict[str, dict[str, Any]] = {
    model["name"]: model
    for file in sorted((ROOT / "dbt" / "models" / "marts").glob("*.yml"))
    for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])
    if model.get("access") == "public"
}


def cells(text: str) -> list[tuple[str, ...]]:
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_every_mart_has_its_section():
    assert set(re.findall(r"^## `(\w+)`$", PAGE, re.MULTILINE)) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_has_the_columns_of_the_project(name):
    section = re.search(rf"^## `{name}`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    told = [
        (f"`{column['name']}`", column["data_type"], " ".join(column["description"].split()))
        for column in MODELS[name]["columns"]
    ]
    assert [row for row in cells(section[1]) if len(row) == 3] == told


@pytest.mark.parametrize("name", MODELS)
def test_a_mart_states_its_grain_and_speaks_two_languages(name):
    description = MODELS[name]["description"]
    assert "Grain: " in description
    for text in (description, *(column["description"] for column in MODELS[name]["columns"])):
        assert re.search(r"[\u4e00-\u9fff]", text), text
        assert re.search(r"[A-Za-z]", text), text


def test_every_variable_is_documented():
    section = PAGE.partition("## Configuration")[2].partition("## `")[0]
    assert [row[0].strip("`") for row in cells(section)] == list(PROJECT["vars"])
