"""Reading a YAML file so that every value can be traced to its line, and a repeated key is an error."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shanhai.errors import ContractError

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
        raise ContractError(f"cannot be read: {error.strerror}", file=name) from error
    except UnicodeDecodeError as error:
        raise ContractError("is not UTF-8", file=name, allowed="UTF-8 text") from error


def parse_yaml(path: Path, text: str, name: str) -> YamlFile:
    """What stands in the text of a file, one mapping.

    Raises:
        ContractError: it is not YAML, repeats a key, or is something else.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ContractError(
            f"is not valid YAML: {error.problem}", file=name, line=mark.line + 1 if mark else None
        ) from error
    except yaml.YAMLError as error:
        raise ContractError("is not valid YAML", file=name) from error
    if not isinstance(data, dict):
        raise ContractError(
            "is not a mapping", file=name, line=1, given=type(data).__name__, allowed="key: value"
        )
    return YamlFile(path, text, data)
