"""Where the hashes of a log lie in files: tiles of 256 (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WIDTH = 256
HEIGHT = 8
"""Levels of the tree between two levels of tiles: a hash of the upper covers one full tile of the lower."""

CHECKPOINT = "checkpoint"

_PARTIAL = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})\.p/([0-9]{1,3})", re.ASCII)


@dataclass(frozen=True)
class Tile:
    """Up to 256 hashes side by side, of the subtrees of level 8 * `level`; fewer at the right edge only."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Its path below the log's folder."""
        return f"tile/{self.level}/{_number(self.index)}{self._suffix}"

    @property
    def entries_path(self) -> str:
        """The path of the leaves' data that belong to a tile of level 0."""
        return f"tile/entries/{_number(self.index)}{self._suffix}"

    @property
    def subtrees(self) -> Iterator[tuple[int, int]]:
        """(level, index) in the tree of each hash, from left to right."""
        first = self.index * WIDTH
        return ((self.level * HEIGHT, index) for index in range(first, first + self.width))

    @property
    def first(self) -> int:
        """The first leaf below it."""
        return (self.index * WIDTH) << (HEIGHT * self.level)

    @property
    def end(self) -> int:
        """How many leaves a log has at least that has it."""
        return (self.index * WIDTH + self.width) << (HEIGHT * self.level)

    @property
    def _suffix(self) -> str:
        return "" if self.width == WIDTH else f".p/{self.width}"


def tiles(size: int, known: int = 0) -> Iterator[Tile]:
    """The tiles of a log of `size` leaves, level by level, that a log of `known` leaves did not have."""
    level = 0
    while size >> (HEIGHT * level):
        hashes, before = size >> (HEIGHT * level), known >> (HEIGHT * level)
        for index in range(before // WIDTH, -(-hashes // WIDTH)):
            width = min(WIDTH, hashes - index * WIDTH)
            if before < index * WIDTH + width:
                yield Tile(level, index, width)
        level += 1


def partial_at(path: str) -> Tile | None:
    """The tile of a path below the log's folder, its own or that of its entries, if it is a partial one."""
    found = _PARTIAL.fullmatch(path)
    if found is None:
        return None
    level = 0 if found[1] == "entries" else int(found[1])
    tile = Tile(level, int(re.sub("[x/]", "", found[2])), int(found[3]))
    return tile if 0 < tile.width < WIDTH and path in (tile.path, tile.entries_path) else None


def bundle(entries: list[bytes]) -> bytes:
    """The data of leaves in one file: each behind its length, two bytes, the larger first."""
    return b"".join(len(one).to_bytes(2, "big") + one for one in entries)


def _number(index: int) -> str:
    """An index in groups of three digits: 1234067 is `x001/x234/067`."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))
