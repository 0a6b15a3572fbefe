"""A draft as the file of a contract, with every guess and what speaks for it in a comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from shanhai.contracts.drafting.guess import Draft
from shanhai.contracts.model import Column
from shanhai.errors import as_typed

VERSION = "0.1.0"
_LONGEST_LINE = 110
_WIDE_SPACE = "\u3000"


def page(draft: Draft) -> str:
    """The text of the contract; its comments have no value of a personal column."""
    return "\n".join((*_head(draft), *_columns(draft), *_properties(draft), ""))


def _head(draft: Draft) -> Iterator[str]:
    yield f"# Drafted from {draft.sampled}."
    for line in draft.seen:
        yield from _comment(line, "")
    yield "# What says guess is one: confirm it with the source or correct it, and take the comment out."
    yield "# A column is required where hardly a sampled row lacks it."
    yield "apiVersion: v3.1.0"
    yield "kind: DataContract"
    yield f"id: urn:shanhai:{draft.dataset.district}:{draft.dataset.name}"
    yield f"name: {scalar(draft.dataset.name)}"
    yield f"version: {VERSION}"
    yield "status: draft"
    yield "schema:"
    yield f"  - name: {scalar(draft.dataset.name)}"
    yield "    logicalType: object"
    yield "    physicalType: table"
    for note in draft.key_notes if not draft.key else ():
        yield from _comment(note, "    ")
    yield "    properties:"


def _columns(draft: Draft) -> Iterator[str]:
    for guess in draft.columns:
        position = draft.key.index(guess.column.name) + 1 if guess.column.name in draft.key else None
        for note in (*guess.notes, *(draft.key_notes if position == 1 else ())):
            yield from _comment(note, "      ")
        yield from _indented(column_lines(guess.column, position), "      ")


def column_lines(column: Column, key_position: int | None = None) -> list[str]:
    """One entry of `properties`, from its dash on, without indentation.

    Args:
        key_position: its place in the primary key, from 1.
    """
    lines = [f"- name: {scalar(column.name)}"]
    lines += (
        [f"  businessName: {scalar(column.title)}"] if column.title and column.title != column.name else []
    )
    lines.append(f"  logicalType: {column.type}")
    if column.required or key_position:
        lines.append("  required: true")
    if key_position:
        lines += ["  primaryKey: true", f"  primaryKeyPosition: {key_position}"]
    lines.append(f"  classification: {column.classification}")
    if column.codes:
        lines += [
            "  quality:",
            "    - type: library",
            "      metric: invalidValues",
            "      mustBe: 0",
            "      arguments:",
            *(f"      {line}" for line in _wrapped("  validValues: ", column.codes)),
        ]
    custom = [f"    - {{property: {key}, value: {scalar(value)}}}" for key, value in _custom(column).items()]
    return [*lines, "  customProperties:", *custom] if custom else lines


def _custom(column: Column) -> Mapping[str, Any]:
    named: dict[str, Any] = {}
    if column.source != column.name:
        named["source"] = column.source
    listed = {"formats": column.formats, "nullTokens": column.null_tokens, "validators": column.validators}
    named |= {key: list(value) for key, value in listed.items() if value}
    texts = {"unit": column.unit, "crs": column.crs}
    named |= {key: value for key, value in texts.items() if value}
    named |= {"since": column.since} if column.since else {}
    named |= {"fullWidth": True} if column.full_width else {}
    named |= {"personal": True} if column.personal else {}
    return named


def _properties(draft: Draft) -> Iterator[str]:
    yield "customProperties:"
    yield from _property("title", draft.title)
    yield from _property(
        "level", "district", "guess: who publishes it: province, city, district, street or community"
    )
    yield from _property(
        "shareClass", "not_shared", "guess: the safest, until somebody decides that it may be shared"
    )
    yield from _property("licence", "", "fill in: what may be done with it")
    yield from _property("timeZone", draft.time_zone, *draft.zone_notes)
    source = {"connector": draft.connector, "endpoint": draft.endpoint, "options": dict(draft.options)}
    yield from _property("source", source, *draft.endpoint_notes)
    stated = {"kind": draft.format.kind, **draft.format.model_dump(exclude_defaults=True)}
    if stated.get("escape") == stated.get("quote", '"'):
        stated.pop("escape", None)
    yield from _property("format", stated, *(f"guess: {note}" for note in draft.format_notes))
    partition = draft.partition.model_dump(exclude_none=True)
    yield from _property("delivery", {"per": draft.per, "partition": partition}, *draft.partition_notes)
    yield from _property("duplicates", draft.duplicates)
    versions = draft.versions.model_dump(exclude_none=True)
    yield from _property(
        "versions", versions, "guess: append keeps every row; replace and latest are in the reference"
    )
    yield from _property("tolerance", {"hold": 0.05, "refuse": 0.5})
    if draft.ignored:
        yield from _property("ignored", list(draft.ignored), "guess: an index without a heading")


def _property(key: str, value: Any, *notes: str) -> Iterator[str]:
    for note in notes:
        yield from _comment(note, "  ")
    line = f"  - {{property: {key}, value: {scalar(value)}}}"
    if len(line) <= _LONGEST_LINE:
        yield line
        return
    yield f"  - property: {key}"
    yield f"    value: {scalar(value)}"


def scalar(value: Any) -> str:
    """A value in YAML on one line, as it stands inside braces; escaped where it would not show as it is."""
    text = _dumped(value, as_is=True)
    if not text.replace(_WIDE_SPACE, "").isprintable():
        text = _dumped(value, as_is=False)
    return text.removeprefix("[").removesuffix("]")


def _dumped(value: Any, *, as_is: bool) -> str:
    return str(
        yaml.safe_dump(
            [value], default_flow_style=True, allow_unicode=as_is, width=1_000_000, sort_keys=False
        )
    ).strip()


def _wrapped(before: str, values: tuple[str, ...]) -> list[str]:
    """A list in brackets over as many lines as it needs."""
    lines, line = [], f"{before}["
    for place, value in enumerate(values):
        part = scalar(value) + ("]" if place == len(values) - 1 else ",")
        if len(line) + len(part) > _LONGEST_LINE - 14 and not line.endswith("["):
            lines.append(line.rstrip())
            line = " " * len(before)
        line += ("" if line.endswith(("[", " ")) else " ") + part
    return [*lines, line]


def _comment(note: str, indent: str) -> Iterator[str]:
    """A note in lines that begin with `#`; what would not show as it is, or break the line, is escaped."""
    line = f"{indent}#"
    for word in map(as_typed, note.split()):
        if len(line) + len(word) + 1 > _LONGEST_LINE and line != f"{indent}#":
            yield line
            line = f"{indent}#  "
        line += f" {word}"
    yield line


def _indented(lines: list[str], indent: str) -> Iterator[str]:
    yield from (f"{indent}{line}" for line in lines)
