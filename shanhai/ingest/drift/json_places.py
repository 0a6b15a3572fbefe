"""A JSON document whose records lie at another path: found by walking its beginning, wherever that is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shanhai.contracts.model import JsonFormat
from shanhai.contracts.proposals import SetFormat
from shanhai.ingest.decode.headings import shown
from shanhai.ingest.drift.look import Look, matched
from shanhai.quality.difference import Difference, differs

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+)')
_MOST_CHARACTERS = 1 << 18


def records_difference(look: Look, stated: JsonFormat) -> Difference | None:
    """The path at which a list has records of this contract; None: nowhere, or where the contract says."""
    if stated.lists:
        return None
    for body in look.bodies:
        text = look.start(body).decode(stated.encoding, "replace").removeprefix("\ufeff")
        lists = record_lists(text[:_MOST_CHARACTERS])
        counts = {path: matched(look, _outer(look, keys)) for path, keys in lists.items()}
        best = max(counts, key=lambda path: counts[path], default=stated.records)
        if best != stated.records and counts[best] > counts.get(stated.records, 0):
            path = ".".join(shown(key, 1) for key in best.split(".")) if best else best
            settings: dict[str, str | int | bool] = {"records": best}
            return differs(
                "records_moved",
                given=path or "$",
                allowed=stated.records or "$",
                proposal=SetFormat(settings=settings) if path == best else None,
            )
    return None


def _outer(look: Look, keys: frozenset[str]) -> frozenset[str]:
    """The sources of a contract of which the outermost key is there."""
    return frozenset(source for source in look.sources if source in keys or source.split(".")[0] in keys)


def record_lists(text: str) -> dict[str, frozenset[str]]:
    """By dotted path, each list of objects that a document begins with, and the keys of its first object.

    Args:
        text: the document, or the beginning of one.
    """
    found: dict[str, set[str]] = {}
    walk = _Walk()
    for token in _tokens(text):
        walk.take(token, found)
    return {path: frozenset(keys) for path, keys in found.items()}


@dataclass
class _Walk:
    """Where a walk through tokens stands: an open bracket a level, each with the key that led to it."""

    brackets: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    last: str = ""
    is_key: bool = False

    def take(self, token: str, found: dict[str, set[str]]) -> None:
        match token[0]:
            case "{" | "[":
                self.brackets.append(token)
                self.keys.append(self.last)
                self.last, self.is_key = "", token.startswith("{")
                if self.brackets[-2:] == ["[", "{"] and "[" not in self.brackets[:-2]:
                    found.setdefault(self._path(), set())
            case "}" | "]" if self.brackets:
                self.brackets.pop()
                self.keys.pop()
                self.last, self.is_key = "", False
            case ",":
                self.last, self.is_key = "", self.brackets[-1:] == ["{"]
            case '"' if self.is_key:
                self.last, self.is_key = _plain(token), False
                if self.brackets[-2:] == ["[", "{"] and self.brackets.count("[") == 1:
                    found[self._path()].add(self.last)

    def _path(self) -> str:
        return ".".join(key for key in self.keys[:-1] if key)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while found := _TOKEN.match(text, position):
        yield found.group(1)
        position = found.end()


def _plain(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return ""
