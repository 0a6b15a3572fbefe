"""Dotted sources as paths into a JSON record, and which keys of records the contract does not know.

A segment of digits is a key or, in a list, an index counted from 0. A key that has dots of its own is found
too: `a.b` is `b` in `a`, or the key `a.b`.
"""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal


@dataclass(frozen=True)
class Shape:
    """Where the keys stand that somebody must have decided about.

    Attributes:
        inside: key whose own keys count one by one, as `inside.key`; None: only those at the top do.
        structure: keys at the top that are no data.
    """

    inside: str | None = None
    structure: tuple[str, ...] = ()

    def keys_sql(self) -> str:
        """SQL for the list of all such keys of `json`, an object."""
        if self.inside is None:
            return "json_keys(json)"
        hidden = ", ".join(quote_literal(name) for name in (self.inside, *self.structure))
        inner = f"coalesce(json_keys(json, {quote_literal(_path([self.inside]))}), [])"
        prefix = quote_literal(f"{self.inside}.")
        return (
            f"list_filter(json_keys(json), lambda key: key NOT IN ({hidden})) || "
            f"list_transform({inner}, lambda key: {prefix} || key)"
        )

    def known(self, contract: Contract) -> set[str]:
        """The keys that the contract maps or ignores, whole or in part."""
        known = set()
        for source in sources(contract):
            segments = source.split(".")
            inner = self.inside is not None and segments[0] == self.inside and len(segments) > 1
            known |= {source, ".".join(segments[: 2 if inner else 1])}
        return known


def sources(contract: Contract) -> list[str]:
    """Every source that the contract maps or ignores."""
    return [*(source for column in contract.columns for source in column.sources), *contract.ignored]


def paths(source: str, shape: Shape) -> list[str]:
    """JSON paths of a dotted source, the likelier first."""
    segments = source.split(".")
    ways = [_path(segments)]
    if any(_is_index(segment) for segment in segments[1:]):
        ways.append(_path(segments, indexes=True))
    outer = 1 if shape.inside == segments[0] else 0
    if len(segments) > outer + 1:
        ways.append(_path([*segments[:outer], ".".join(segments[outer:])]))
    return ways


def exists_sql(source: str, shape: Shape) -> str:
    """SQL that says whether `json` has the source, be it null."""
    ways = (f"json_exists(json, {quote_literal(path)})" for path in paths(source, shape))
    return f"({' OR '.join(ways)})"


def _path(segments: list[str], *, indexes: bool = False) -> str:
    steps = [
        f"[{segment}]" if indexes and place and _is_index(segment) else f'."{_escaped(segment)}"'
        for place, segment in enumerate(segments)
    ]
    return "$" + "".join(steps)


def _is_index(segment: str) -> bool:
    return segment.isascii() and segment.isdigit()


def _escaped(segment: str) -> str:
    return segment.replace("\\", "\\\\").replace('"', '\\"')
