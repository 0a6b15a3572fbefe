"""The documents say what the code says: every key, every setting, every command, every link."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from connectors.ckan import CkanOptions
from connectors.files import FilesOptions
from connectors.object_store import ObjectStoreOptions
from connectors.open311 import Open311Options
from connectors.parcels import ParcelsOptions
from connectors.rest import RestOptions
from connectors.socrata import SocrataOptions
from connectors.sql import SqlOptions
from shanhai.cli.app import shanhai
from shanhai.connect.paging.kinds import Paging
from shanhai.connect.paging.progress import RecordCursor
from shanhai.connect.tree.login import KeyLogin, PasswordLogin
from shanhai.connect.web.budget import Rate
from shanhai.connect.web.credential import Auth
from shanhai.contracts import model, read_columns, read_properties, standard
from shanhai.contracts.federation import District, Register, open_federation
from shanhai.contracts.load import load_contract
from shanhai.contracts.quantities import QUANTITIES
from shanhai.contracts.queries import OPERATORS, Query, QueryDimension, Severity
from shanhai.contracts.shapes import SHAPES
from shanhai.courier.served import Entry
from shanhai.courier.waiting import Kind
from shanhai.quality.plausibility import Plausibility
from shanhai.quality.query_words import FUNCTIONS
from shanhai.quality.rules import rules_for
from shanhai.quality.sentences import FORMS
from shanhai.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CONTRACT = (ROOT / "docs" / "reference" / "contract.md").read_text(encoding="utf-8")


def fields(*models: type[BaseModel]) -> set[str]:
    return {field.alias or name for one in models for name, field in one.model_fields.items()}


QUERIES = "Queries: entries `type: sql` of `quality`"


def union(annotated: Any) -> tuple[type[BaseModel], ...]:
    return get_args(get_args(annotated)[0])


TABLES = {
    "Options of a type: `logicalTypeOptions`": set(read_columns.OPTION_KEYS),
    "Custom properties of a column": set(read_columns.COLUMN_KEYS),
    "Custom properties of the contract": set(read_properties.CONTRACT_KEYS),
    "`source`: where the bytes come from": fields(model.Source),
    "Options of the connector `files`": fields(FilesOptions),
    "Login": fields(PasswordLogin, KeyLogin),
    "Options of the connector `object_store`": fields(ObjectStoreOptions),
    "Options of the connector `rest`": fields(RestOptions),
    "Options of the connector `open311`": fields(Open311Options),
    "Options of the connector `ckan`": fields(CkanOptions),
    "Options of the connector `socrata`": fields(SocrataOptions),
    "Options of the connector `parcels`": fields(ParcelsOptions),
    "Options of the connector `sql`": fields(SqlOptions),
    "Paging": fields(*union(Paging)),
    "Cursor of records": fields(RecordCursor),
    "Credentials": fields(*union(Auth)),
    "Rate": fields(Rate),
    "`format`: `csv`": fields(model.CsvFormat),
    "`format`: `json`": fields(model.JsonFormat),
    "`format`: `ndjson`": fields(model.NdjsonFormat),
    "`format`: `geojson`": fields(model.GeoJsonFormat),
    "`format`: `xlsx`, `xls`, `ods`": fields(model.WorkbookFormat),
    "`format`: `parquet`": fields(model.ParquetFormat),
    QUERIES: fields(Query) - {"operator", "limits", "column", "line"},
    "`delivery`: what one delivery is": fields(model.Delivering, model.Partition),
    "`versions`: when a key, or a partition, arrives again": fields(model.Versions),
    "`tolerance`: shares of bad rows, 0 to 1": fields(model.Tolerance),
    "`schedule`: when it is pulled": fields(model.Schedule),
    "`retention`: how long values are kept beside the tables": fields(model.Retention),
    "`feeds`: the canonical shape": fields(model.Feed, model.FeedValue, model.Condition),
    "`district.yml`": fields(District),
    "`registers.yml`": fields(Register),
    "`expectations/plausibility/<district>/<dataset>.yml`": fields(Plausibility),
}
VALUES = {
    "Columns: entries of `schema[0].properties`": (model.ColumnType, model.Classification),
    "Custom properties of a column": (model.Validator,),
    "Custom properties of the contract": (
        model.Level,
        model.ShareClass,
        model.Contract.model_fields["duplicates"].annotation,
    ),
    "`delivery`: what one delivery is": (
        model.Delivering.model_fields["per"].annotation,
        model.Partition.model_fields["by"].annotation,
    ),
    "`versions`: when a key, or a partition, arrives again": (
        model.Versions.model_fields["rule"].annotation,
    ),
    "`format`: `csv`": (model.CsvFormat.model_fields["compression"].annotation,),
    "`format`: `xlsx`, `xls`, `ods`": (
        model.WorkbookFormat.model_fields["kind"].annotation,
        model.WorkbookFormat.model_fields["ends"].annotation,
    ),
}

WAITS_AND_NODES = ("What waits for a person", "Several nodes under one Airflow")


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", CONTRACT, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no section {title}"
    return found[1]


def first_cells(text: str) -> set[str]:
    rows = (line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_documented_and_no_other(title: str):
    assert first_cells(section(title)) == TABLES[title]


@pytest.mark.parametrize("title", VALUES)
def test_every_allowed_value_is_documented(title: str):
    quoted = set(re.findall(r"`([^`]+)`", section(title)))
    assert {value for one in VALUES[title] for value in get_args(one)} <= quoted


@pytest.mark.parametrize(
    "keys", [standard.TABLE, standard.COLUMN, standard.QUALITY, standard.QUERY], ids=lambda keys: keys.of
)
def test_every_key_that_is_refused_is_documented(keys: standard.Keys):
    row = re.search(rf"^\| {keys.of} \|(.*)\|(.*)\|$", CONTRACT, re.MULTILINE)
    assert row, f"the page has no row for {keys.of}"
    named = [set(re.findall(r"`([^`]+)`", cell)) - {"mustBe"} for cell in row.groups()]
    refused = {key for key in keys.refused if not re.match("must(Not)?Be", key)}
    assert named == [set(keys.documentation), refused]


def test_every_operator_and_severity_of_a_query_is_documented():
    text = re.sub(r"```.*?```", "", section(QUERIES), flags=re.DOTALL)
    quoted = set(re.findall(r"`([^`]+)`", text))
    stated = {*OPERATORS, *get_args(Severity), *get_args(QueryDimension)}
    assert stated <= quoted


def test_every_function_of_a_query_is_documented():
    told = dict(re.findall(r"^\| (\w+) \| `(.+)` \|$", section(QUERIES), re.MULTILINE))
    assert {group: names.replace("\\|", "|") for group, names in told.items()} == FUNCTIONS


def test_every_shape_is_documented():
    assert set(SHAPES) <= set(re.findall(r"`([^`]+)`", section("`feeds`: the canonical shape")))


def test_every_quantity_is_documented_with_its_unit():
    rows = re.findall(r"^\| (.+) \| `([^`]+)` \|$", section("Readings: quantities and units"), re.MULTILINE)
    told = {name: unit for cell, unit in rows for name in re.findall(r"`([^`]+)`", cell)}
    assert told == {quantity.name: quantity.unit for quantity in QUANTITIES.values()}


def test_the_contract_of_the_guide_is_right(tmp_path: Path):
    guide = (ROOT / "docs" / "guide" / "add-a-dataset.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "apiVersion" in block
    )
    file = tmp_path / "longyou" / "visits.odcs.yml"
    file.parent.mkdir()
    file.write_text(example, encoding="utf-8")
    assert str(load_contract(file).dataset) == "longyou.visits"


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "guide" / "operate.md").read_text(encoding="utf-8")
    assert [name for name in Settings.model_fields if f"`SHANHAI_{name.upper()}`" not in text] == []


def commands(text: str) -> list[list[str]]:
    """Every call of `shanhai` in an indented or fenced line, or between backticks."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"(\s{4,}|)shanhai [a-z-]", line)]
    quoted = re.findall(r"`(?:\.venv/bin/)?(shanhai [a-z-][^`]*)`", text)
    return [re.split(r" {2,}| [|&#]|…", line)[0].split() for line in [*lines, *quoted]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_command_exists(document: Path):
    for words in commands(document.read_text(encoding="utf-8")):
        command: Any = shanhai
        options: set[str] = set()
        for word in words[1:]:
            options |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            if word.startswith("-"):
                assert word in options | {"--help", "--version", "-h"}, words
            elif isinstance(command, click.Group) and not word.startswith("/"):
                known = command.get_command(click.Context(command), word)
                assert known is not None, words
                command = known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_target_and_link_exists(document: Path):
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|    )make ([a-z-]+)", text)) <= targets
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_rule_of_an_example_is_one_of_its_dataset():
    pages = [*DOCUMENTS, *(ROOT / "shanhai" / "cli").glob("*.py")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"quarantine \w+ (?:--dataset )?(\w+\.\w+).*? --rule (\w+\.\w+)", text))
    contracts = open_federation(ROOT).contracts
    rules = {(str(known), rule.name) for known in contracts for rule in rules_for(contracts[known])}
    assert len(named) > 1
    assert named - rules == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_prose_fits_its_width(document: Path):
    prose = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in prose.splitlines() if not line.startswith(("|", "    "))]
    assert [line for line in lines if len(line) > 130] == []


def test_a_decision_record_is_short_and_has_its_three_parts():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [file.name[:4] for file in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for file in records:
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 40, file.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], (
            file.name
        )


def test_every_kind_of_difference_has_a_row() -> None:
    text = (ROOT / "docs" / "guide" / "drift.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"## What is a signal\n(.*?)\n## ", text, re.DOTALL)
    rows = re.findall(r"^\| [^|]+ \| `([a-z_.]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(FORMS)


def test_the_page_of_the_exchange_has_every_key_of_a_node_and_all_that_may_wait():
    page = (ROOT / "docs" / "guide" / "exchange-by-the-clock.md").read_text(encoding="utf-8")
    waits, nodes = (page.partition(f"\n## {title}\n")[2].partition("\n## ")[0] for title in WAITS_AND_NODES)
    assert first_cells(waits) == set(get_args(Kind))
    assert first_cells(nodes) == set(Entry.model_fields)
