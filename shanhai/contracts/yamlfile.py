"""Reading a YAML file so that every value can be traced to its line, and a repeated key is an error."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shanhai.contracts.refusals import kind_of, shortened
from shanhai.errors import ContractError, as_typed

_DEEPEST = 100
_MANY, _MUCH = 2_000, 1 << 20
"""Openings and characters below which no text can be nested dangerously."""

PathInFile = Sequence[str | int]
"""The keys and positions that lead from the top of a document to a value."""


class _Loader(yaml.CSafeLoader):
    """YAML as data: dates stay texts, and a key that stands twice is refused."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _mapping_without_repeats(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping_without_repeats)


@dataclass(frozen=True)
class YamlFile:
    """A parsed YAML document that still knows where its values stand."""

    path: Path
    text: str
    data: dict[str, Any]

    def line(self, path: PathInFile) -> int:
        """The 1-based line of the value at `path`, or of the nearest ancestor that exists."""
        return self._found(path)[0]

    def written(self, path: PathInFile) -> str | None:
        """The scalar at `path` as it is written, whatever YAML makes of it; None: none is there."""
        _, rest, node = self._found(path)
        return str(node.value) if isinstance(node, yaml.ScalarNode) and not rest else None

    def _found(self, path: PathInFile) -> tuple[int, PathInFile, yaml.Node | None]:
        """How far a path leads: the line there, what is left of the path, and the value."""
        node, line = self._tree, 1
        for position, step in enumerate(path):
            child = _child(node, step)
            if child is None:
                return line, path[position:], node
            line, node = child
        return line, (), node

    @functools.cached_property
    def _tree(self) -> yaml.Node | None:
        return yaml.compose(self.text, Loader=yaml.CSafeLoader)


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        value = node.value[step]
        return value.start_mark.line + 1, value
    return None


def read_yaml(path: Path, *, shown_as: str | None = None) -> YamlFile:
    """Read a file that holds one mapping.

    Args:
        path: the file.
        shown_as: what errors call it; the path by default.

    Raises:
        ContractError: it cannot be read, is not YAML, repeats a key, or holds something else.
    """
    name = shown_as or str(path)
    return parse_yaml(path, read_text(path, name), name)


def read_text(path: Path, name: str) -> str:
    """The text of a file that errors call `name`.

    Raises:
        ContractError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ContractError(
            "cannot be read", file=name, given=error.strerror, allowed="a file that may be read"
        ) from error
    except UnicodeDecodeError as error:
        raise ContractError(
            "is not UTF-8",
            file=name,
            given=f"the byte 0x{error.object[error.start]:02x} at position {error.start:,}",
            allowed="UTF-8 text",
            hint="save it as UTF-8",
        ) from error


def parse_yaml(path: Path, text: str, name: str) -> YamlFile:
    """What stands in the text of a file, one mapping.

    Raises:
        ContractError: it is not YAML, repeats a key, or is something else.
    """
    try:
        _check_depth(text, name)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ContractError(
            f"is not valid YAML: {error.problem}",
            file=name,
            line=mark.line + 1 if mark else None,
            given=as_typed(_line(text, mark.line)) if mark else None,
            allowed="key: value, with what begins a list or a mapping ended, and each key once",
        ) from error
    except yaml.YAMLError as error:
        told = str(error).partition("\n")[0]
        raise ContractError("is not valid YAML", file=name, given=told, allowed="key: value") from error
    if not isinstance(data, dict):
        raise ContractError("is not a mapping", file=name, line=1, given=kind_of(data), allowed="key: value")
    return YamlFile(path, text, data)


def _check_depth(text: str, name: str) -> None:
    """Refuse what is nested so deeply that libyaml, which recurses in C, would end the process."""
    if len(text) < _MUCH and sum(text.count(one) for one in ("[", "{", "- ", "? ")) < _MANY:
        return
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ContractError(
                "is nested too deeply",
                file=name,
                line=event.start_mark.line + 1 if event.start_mark else None,
                given=f"more than {_DEEPEST} levels",
                allowed=f"{_DEEPEST} levels",
            )


def _line(text: str, number: int) -> str:
    """A line by its number from 0; the last one, where a file ends too early."""
    lines = text.splitlines() or [""]
    return shortened(lines[min(number, len(lines) - 1)].strip())
