"""The Open Data Contract Standard's own schema, which every contract keeps before it is read."""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

from shanhai.contracts import standard
from shanhai.contracts.reader import Reader
from shanhai.contracts.refusals import as_written, near, shortened

API_VERSION = "v3.1.0"

_QUOTED = re.compile("'([^']*)'")
_KINDS = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping, key: value",
    "null": "nothing",
}
_NOTED = "unevaluatedProperties"
_UNKNOWN = ("additionalProperties", _NOTED)


@functools.cache
def validator() -> jsonschema.protocols.Validator:
    """The schema as the standard's package brings it."""
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    return jsonschema.Draft201909Validator(json.loads(text))


def check_schema(reader: Reader) -> None:
    """Return if a file is a contract of the standard, in the version that is read here.

    Raises:
        ContractError: it breaks the schema, or is of another version.
    """
    found = list(validator().iter_errors(reader.file.data))
    # What is wrong inside an object makes all its keys unknown: the inner one is told.
    error: Any = jsonschema.exceptions.best_match([one for one in found if one.validator != _NOTED] or found)
    if error is not None:
        raise reader.error(
            f"{_where(reader.file.data, error)} breaks ODCS {API_VERSION}: {_problem(error)}",
            list(error.absolute_path),
            given=_given(error),
            allowed=_allowed(error),
            hint=near(_unknown(error)[0], _keys(error)) if _unknown(error) else "",
        )
    stated = reader.file.data["apiVersion"]
    if stated != API_VERSION:
        raise reader.error(
            "another version of the standard", ["apiVersion"], given=stated, allowed=API_VERSION
        )


def _where(document: Mapping[str, Any], error: Any) -> str:
    """Where it stands: a column by its name."""
    match list(error.absolute_path):
        case ["schema", int(table), "properties", int(place), *rest]:
            name = document["schema"][table]["properties"][place]
            name = name.get("name", f"number {place + 1}") if isinstance(name, Mapping) else place + 1
            return ".".join([f"column {name}", *map(str, rest)])
        case path:
            return ".".join(map(str, path)) or "the document"


def _problem(error: Any) -> str:
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            return "a key is not known here"
        case "required":
            return f"{_QUOTED.findall(error.message)[0]} is missing"
        case "type":
            return "another kind of value"
        case "enum" | "const":
            return "no such value"
        case _:
            return shortened(error.message)


def _given(error: Any) -> str:
    if error.validator == "required":
        return ", ".join(map(str, error.instance)) or "nothing"
    return ", ".join(_unknown(error)) or as_written(error.instance)


def _allowed(error: Any) -> object:
    value = error.validator_value
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            return _keys(error)
        case "required" | "enum":
            return value
        case "type":
            kinds = [value] if isinstance(value, str) else value
            return " or ".join(_KINDS[kind] for kind in kinds)
        case _:
            return error.schema.get("description") or f"{error.validator}: {as_written(value)}"


def _unknown(error: Any) -> list[str]:
    """The keys that are none, where that is what is wrong."""
    return _QUOTED.findall(error.message) if error.validator in _UNKNOWN else []


def _keys(error: Any) -> list[str]:
    """The keys that may stand there: where the standard composes an object, those that are read here."""
    match list(error.absolute_path):
        case [*_, "quality", int()]:
            is_query = error.instance.get("type") == "sql"
            return list((standard.QUERY if is_query else standard.QUALITY).accepted)
        case [*_, "properties", int()]:
            return list(standard.COLUMN.accepted)
        case ["schema", int()]:
            return list(standard.TABLE.accepted)
        case _:
            return sorted(error.schema.get("properties", ()))
