"""What a model refuses of a file, in words of people: what is wrong, what was given and what is allowed."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shanhai.errors import as_typed

Schema = Mapping[str, Any]
"""By JSON Schema, as Pydantic makes it of a model."""

NOTHING = "nothing"
_LONGEST = 160
_SAID = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "literal_error": "has no such value",
    "enum": "has no such value",
    "string_pattern_mismatch": "has another form",
}
_BOUNDS = ("greater_than", "less_than", "too_short", "too_long", "finite_number", "multiple_of")
_KINDS = {"string": "a text", "boolean": "true or false", "integer": "a whole number", "number": "a number"}


class WrongValueError(ValueError):
    """What a validator of a model refuses, with what it would have taken."""

    def __init__(self, message: str, *, allowed: object, hint: str = "") -> None:
        self.allowed = allowed
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True)
class Refusal:
    """The first thing that a model refuses.

    Attributes:
        path: keys and positions that lead to it; empty: the whole.
        problem: what is wrong with it.
    """

    path: tuple[str | int, ...]
    problem: str
    given: str
    allowed: str
    hint: str


def refusal(model: type[BaseModel], error: ValidationError) -> Refusal:
    """What a model refuses first, so that nobody has to know how the model is made."""
    first = error.errors(include_url=False)[0]
    kind, steps, value = first["type"], first["loc"], first.get("input")
    schema = _schema(model)
    path, found = _followed(schema, tuple(step for step in steps if isinstance(step, (str, int))))
    own = (first.get("ctx") or {}).get("error")
    if isinstance(own, WrongValueError):
        return Refusal(path, str(own), as_written(value), str(own.allowed), own.hint)
    if kind == "extra_forbidden":
        path, keys = tuple(steps), _keys(found)
        return Refusal(path, _SAID[kind], as_typed(str(steps[-1])), ", ".join(keys), near(steps[-1], keys))
    problem = _SAID.get(kind) or (
        "is out of bounds" if any(bound in kind for bound in _BOUNDS) else "is of another kind"
    )
    given = _what_is_there(value) if kind == "missing" else as_written(value)
    choices = found.get("enum") or ()
    return Refusal(path, problem, given, _in_words(schema, found), near(value, choices))


def as_written(value: object) -> str:
    """A value of a file as YAML writes it, cut where it is long."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return shortened(as_typed(value))
    plain = value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
    text = yaml.dump(
        _plain(plain), default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False
    )
    return shortened(text.removesuffix("...\n").strip())


def _what_is_there(value: object) -> str:
    """What an object has beside what it lacks: its keys alone."""
    keys = list(value) if isinstance(value, Mapping) else None
    return as_written(value) if keys is None else ", ".join(map(str, keys)) or NOTHING


def kind_of(value: object) -> str:
    """What a document is instead of a mapping."""
    match value:
        case None:
            return f"{NOTHING}: it has no text, or nothing but remarks"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def near(given: object, known: Collection[Any]) -> str:
    """A hint that names what was probably meant; empty where nothing is near."""
    found = difflib.get_close_matches(str(given), [str(one) for one in known], n=1)
    return f"did you mean {found[0]}?" if found else ""


def shortened(text: str) -> str:
    """A value for an error: its beginning, where it is long."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _plain(value: object) -> object:
    """Without tuples, which YAML has no words for."""
    match value:
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


@functools.cache
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True)


def _followed(schema: Schema, steps: Sequence[str | int]) -> tuple[tuple[str | int, ...], Schema]:
    """As many steps as lead into a document, and the schema there; others name a member of a union."""
    path, found = [], _resolved(schema, schema)
    for step in steps:
        inner = _below(schema, found, step)
        if inner is not None:
            path.append(step)
            found = inner
    return tuple(path), found


def _below(schema: Schema, found: Schema, step: str | int) -> Schema | None:
    for one in _members(schema, found):
        inner = one.get("properties", {}).get(step) if isinstance(step, str) else None
        if inner is None and isinstance(step, str) and isinstance(one.get("additionalProperties"), Mapping):
            inner = one["additionalProperties"]
        if inner is None and isinstance(step, int) and one.get("type") == "array":
            places = one.get("prefixItems") or ()
            inner = places[step] if step < len(places) else one.get("items")
        if isinstance(inner, Mapping):
            return _resolved(schema, inner)
    return None


def _members(schema: Schema, found: Schema) -> list[Schema]:
    """A schema's members, where it is a union; what leaves a value out is none."""
    several = found.get("anyOf") or found.get("oneOf") or (found,)
    resolved = [_resolved(schema, one) for one in several]
    return [one for one in resolved if one.get("type") != "null"]


def _resolved(schema: Schema, found: Schema) -> Schema:
    name = str(found.get("$ref", "")).rpartition("/")[2]
    return schema["$defs"][name] if name else found


def _keys(found: Schema) -> list[str]:
    return list(found.get("properties", ()))


def _in_words(schema: Schema, found: Schema) -> str:
    """What a schema takes."""
    return " or ".join(dict.fromkeys(_member_in_words(schema, one) for one in _members(schema, found)))


def _member_in_words(schema: Schema, one: Schema) -> str:
    if "enum" in one or "const" in one:
        return ", ".join(str(value) for value in one.get("enum", [one.get("const")]))
    match one.get("type"):
        case "array":
            return _list_in_words(schema, one)
        case "object" if "properties" in one:
            return f"a mapping of {', '.join(_keys(one))}"
        case "object":
            return "a mapping, {key: value}"
        case "string" if one.get("format") == "date":
            return "a day, YYYY-MM-DD"
        case str() as kind:
            return f"{_KINDS[kind]}{_bounds(one)}"
        case _:
            return "anything"


def _list_in_words(schema: Schema, one: Schema) -> str:
    places = one.get("prefixItems")
    inner = ", ".join(_in_words(schema, place) for place in places) if places else ""
    inner = inner or _in_words(schema, one.get("items", {}))
    least = ", one at least" if one.get("minItems") == 1 else ""
    return f"a list{least}, each {inner}" if not places else f"a list: {inner}"


def _bounds(one: Schema) -> str:
    if pattern := one.get("pattern"):
        return f" that matches {pattern}"
    if one.get("type") == "string":
        least, most = one.get("minLength", 0), one.get("maxLength")
        return (
            f" of {least} to {most:,} characters" if most is not None else ", not an empty one" * bool(least)
        )
    low, high, above = one.get("minimum"), one.get("maximum"), one.get("exclusiveMinimum")
    if above is not None:
        return f" above {above:,}" + (f", up to {high:,}" if high is not None else "")
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    return f", {low:,} at least" if low is not None else ""
