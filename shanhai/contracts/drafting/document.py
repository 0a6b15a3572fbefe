"""A contract's file as a tree that can be changed and written back: comments, order and layout stay."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shanhai.contracts.drafting.page import scalar

_LAYOUTS = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 6, 4))
"""Mapping, sequence and offset, as files are indented."""
_UNBOUNDED = 1 << 20


@dataclass
class Document:
    """One contract being amended.

    `notes` are comments to write: the name of a column, or `property <key>` of the contract → lines.
    """

    text: str
    data: Any = field(init=False)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._layout = min(_LAYOUTS, key=self._distance)
        self.data = _yaml(self._layout).load(self.text)

    def _distance(self, layout: tuple[int, int, int]) -> int:
        """How many lines would differ if the file were only read and written."""
        again = _dumped(_yaml(layout).load(self.text), layout).splitlines()
        return sum(line[0] in "+-" for line in difflib.unified_diff(self.text.splitlines(), again, n=0))

    @property
    def columns(self) -> Any:
        """The list of columns."""
        return self.data["schema"][0]["properties"]

    def column(self, name: str) -> Any:
        """The entry of a column.

        Raises:
            KeyError: there is none.
        """
        for entry in self.columns:
            if entry["name"] == name:
                return entry
        raise KeyError(name)

    def note(self, where: str, text: str) -> None:
        """Write a comment above a column or a property of the contract."""
        self.notes.setdefault(where, []).append(" ".join(text.split()))

    def custom(self, entry: Any, key: str) -> Any:
        """The value of a custom property; None: it is not stated."""
        return next(
            (one["value"] for one in entry.get("customProperties") or () if one["property"] == key), None
        )

    def set_custom(self, entry: Any, key: str, value: Any) -> None:
        """State a custom property, in place of what it says now or as the last one."""
        listed = entry.get("customProperties")
        if listed is None:
            from ruamel.yaml.comments import CommentedSeq

            listed = entry["customProperties"] = CommentedSeq()
        for one in listed:
            if one["property"] == key:
                one["value"] = flow(value)
                return
        listed.append(flow({"property": key, "value": value}))

    def written(self) -> str:
        """The text of the file, with its notes."""
        lines = _dumped(self.data, self._layout).splitlines()
        return "\n".join(_with_notes(lines, self.notes)) + "\n"


def flow(value: Any) -> Any:
    """A list or mapping as it is written on one line; a text that a reader of YAML 1.1 takes for something
    else, such as no or 12:30, in quotes; anything else as it is.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    made: Any
    if isinstance(value, dict):
        made = CommentedMap((key, flow(one)) for key, one in value.items())
    elif isinstance(value, list | tuple):
        made = CommentedSeq(flow(one) for one in value)
    elif isinstance(value, str) and scalar(value) != value:
        return SingleQuotedScalarString(value)
    else:
        return value
    made.fa.set_flow_style()
    return made


def _yaml(layout: tuple[int, int, int]) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _UNBOUNDED
    mapping, sequence, offset = layout
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _dumped(data: Any, layout: tuple[int, int, int]) -> str:
    out = io.StringIO()
    _yaml(layout).dump(data, out)
    return out.getvalue()


def _with_notes(lines: list[str], notes: dict[str, list[str]]) -> Iterator[str]:
    """The lines with each note above the entry that it is about."""
    waiting = dict(notes)
    for line in lines:
        bare = line.strip().removeprefix("- ").lstrip("{")
        indent = line[: len(line) - len(line.lstrip())]
        for where in list(waiting):
            said = where if where.startswith("property ") else f"name {where}"
            key, _, value = said.partition(" ")
            opens = line.lstrip().startswith("- ")
            if (
                opens
                and bare.rstrip(",}").split(",")[0].replace("'", "").replace('"', "") == f"{key}: {value}"
            ):
                yield from (f"{indent}# {note}" for note in waiting.pop(where))
        yield line
