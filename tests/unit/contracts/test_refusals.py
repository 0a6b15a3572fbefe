"""Whatever is refused of a contract says what is allowed, and what was given, in words of people."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from meters_contract import GOOD
from pydantic import BaseModel

from shanhai.contracts.federation import District, Register, open_federation
from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Contract
from shanhai.contracts.reader import Reader
from shanhai.contracts.refusals import as_written, kind_of
from shanhai.contracts.yamlfile import YamlFile
from shanhai.errors import ContractError

ROOT = Path(__file__).parents[3]
FILES = [*(ROOT / "shanhai" / "contracts").rglob("*.py"), *(ROOT / "shanhai" / "cli").glob("contract*.py")]
ERRORS = ("complain", "error", "ContractError", "ConfigurationError", "NotFoundError", "WrongValueError")
PYTHON = re.compile(
    r"\bNone\b|NoneType|\bTrue\b|\bFalse\b|\bdict\b|\bstr\b|\bint\b|\btuple\b|Input should|\{'|\['"
)
"""What nobody writes who does not write Python."""

VALID: dict[str, dict[str, Any]] = {
    "Column": {"name": "a", "source": "a", "type": "string"},
    "Source": {"connector": "files", "endpoint": "data"},
    "Condition": {"column": "a", "in": ["x"]},
    "FeedValue": {"column": "a"},
    "Feed": {"shape": "event", "columns": {}},
    "Query": {"name": "a", "query": "SELECT 1", "operator": "mustBe", "limits": [1]},
    "District": {"name": "a", "title": "A", "endpoints": {}},
    "Register": {"edition": "1", "file": "a.csv", "column": "a", "sha256": "0" * 64},
}
GARBAGE = (
    None,
    "",
    "no such",
    -1,
    0,
    1.5,
    10**400,
    float("nan"),
    True,
    [],
    ["x", -1],
    {},
    {"a": {"b": 1}},
    "(",
)


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model's parts that are models, and theirs."""
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if inspect.isclass(part) and issubclass(part, BaseModel):
                yield part
                yield from models(part)


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


MODELS = sorted({*models(Contract), District, Register}, key=lambda one: one.__name__)
FIELDS = [(model, name) for model in MODELS for name in (*model.model_fields, "nothing_known")]


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda one: getattr(one, "__name__", one))
def test_each_field_says_what_it_takes(model: type[BaseModel], name: str):
    reader = Reader(YamlFile(Path("x.yml"), "", {}), "x.yml")
    valid = VALID.get(model.__name__, {})
    reader.build(model, valid, [])
    field = model.model_fields.get(name)
    written = str(field.alias) if field is not None and field.alias else name
    refused = []
    for value in GARBAGE:
        try:
            reader.build(model, {**valid, written: value}, [])
        except ContractError as error:
            refused.append(error)
    for error in refused:
        assert error.given, error
        assert error.allowed, error
        assert error.hint, error
        assert not PYTHON.search(str(error)), error
    assert refused or field is None or field.annotation in (str, dict[str, Any])


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("value", [None, 5, "text", [1]], ids=str)
def test_each_model_says_that_it_is_a_mapping(model: type[BaseModel], value: object):
    with pytest.raises(ContractError) as caught:
        Reader(YamlFile(Path("x.yml"), "", {}), "x.yml").build(model, value, [])
    assert caught.value.given == as_written(value)
    assert str(caught.value.allowed).startswith("a mapping")


def test_each_error_is_made_with_what_is_allowed():
    """A new refusal without it fails here, whoever raises it."""
    found, seen = [], 0
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ERRORS:
                keys = {one.arg for one in node.keywords}
                seen += 1
                stated = {"allowed"} if ast.unparse(node.func) == "WrongValueError" else {"given", "allowed"}
                if None not in keys and not stated <= keys:
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert seen > 80
    assert found == []


def test_no_validator_raises_what_says_nothing_of_it():
    found = [
        f"{file.relative_to(ROOT)}:{inner.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any("validator" in ast.unparse(one) for one in node.decorator_list)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "ValueError"
    ]
    assert found == []


SPOILT = {
    "nothing": ("", "nothing: it has no text"),
    "remarks": ("# soon\n", "nothing: it has no text, or nothing but remarks"),
    "a list": ("- a\n- b\n", "given: a list"),
    "a text": ("soon", "given: a text"),
    "no YAML": (GOOD.replace("status: active", "status: [active"), "is not valid YAML"),
    "too deep": ("[" * 100_000, "is nested too deeply"),
    "days below one": (
        GOOD + "  - {property: retention, value: {quarantine_days: -1}}\n",
        "from 1 to 36,500",
    ),
    "a text for a number": (
        GOOD + "  - {property: retention, value: {quarantine_days: soon}}\n",
        "quarantine_days: is of another kind; given: soon; allowed: a whole number from 1 to 36,500",
    ),
    "a number for a mapping": (
        GOOD + "  - {property: tolerance, value: 5}\n",
        "tolerance: is of another kind; given: 5; allowed: a mapping of hold, refuse",
    ),
    "a key of a part": (
        GOOD.replace("per: file", "per: file, part: x"),
        "delivery.part: is not known; given: part; allowed: per, partition",
    ),
    "a slip of the pen": (GOOD.replace("rule: latest", "rule: lates"), "did you mean latest?"),
    "a pattern that is none": (
        GOOD.replace("partition: {by: window}", "partition: {by: file, pattern: '('}"),
        "not a regular expression",
    ),
    "a key of the standard": (
        GOOD.replace("status: active", "status: active\nserver: x"),
        "a key is not known here; given: server",
    ),
    "no version": (GOOD.replace("version: 1.2.3\n", ""), "version is missing"),
    "a kind of the standard": (
        GOOD.replace("required: true", "required: maybe"),
        "column read_at.required breaks ODCS v3.1.0: another kind of value; given: maybe; allowed: true",
    ),
    "a key inside a column": (
        GOOD.replace("{property: source, value: 编号}", "{propert: source, value: 编号}"),
        "column meter_id.customProperties.0 breaks ODCS v3.1.0",
    ),
    "a key of a column": (
        GOOD.replace("businessName: 水表编号", "bussinessName: 水表编号"),
        "did you mean businessName?",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_file_is_told_in_words(tmp_path: Path, case: str):
    text, told = SPOILT[case]
    file = tmp_path / "longyou" / "meters.odcs.yml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(file, shown_as="meters.odcs.yml")
    assert told in str(caught.value), caught.value
    assert caught.value.given, caught.value
    assert caught.value.allowed, caught.value
    assert not PYTHON.search(str(caught.value)), caught.value


def test_a_district_says_what_it_takes(tmp_path: Path):
    folder = tmp_path / "districts" / "longyou"
    folder.mkdir(parents=True)
    (folder / "district.yml").write_text(
        "name: longyou\ntitle: 龙游\nendpoints: {}\nretention: {quarantine_days: -1}\n", encoding="utf-8"
    )
    with pytest.raises(ContractError) as caught:
        _ = open_federation(tmp_path).districts
    assert caught.value.line == 4
    assert (
        "retention.quarantine_days: is out of bounds; given: -1; allowed: a whole number from 1 to 36,500"
        in str(caught.value)
    )


def test_values_are_told_as_they_are_written():
    assert [as_written(one) for one in (None, True, -1, "x", ["a", 1], {"a": None}, "\x1b")] == [
        *("nothing", "true", "-1", "x", "[a, 1]", "{a: null}", r"'\x1b'")
    ]
    assert kind_of({}) == "a mapping"
    assert len(as_written("x" * 1000)) == 160
