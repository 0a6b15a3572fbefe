"""What a source has, to which rows or files may come between one request and the next."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Rows:
    """Rows by ascending id; with `grows` each answer is followed by a new first and a new last row.

    `stamp` is the same for every three rows: what many sources sort by, though it is no key. With `padding`
    rows are so many characters longer.
    """

    ids: Sequence[int] = field(default_factory=lambda: list(range(100, 108)))
    grows: bool = False
    grows_in_front: bool = True
    padding: int = 0

    @classmethod
    def many(cls, count: int) -> Rows:
        """So many rows, of which a page of three has 24 kB, and none is held."""
        return cls(range(1, count + 1), padding=8000)

    def row(self, number: int) -> dict[str, Any]:
        row = {"id": number, "stamp": f"2024-03-01T00:00:{number // 3 % 60:02}"}
        return row | {"text": "x" * self.padding} if self.padding else row

    def slice(self, start: int, count: int) -> list[dict[str, Any]]:
        return self._given(self.ids[start : start + count])

    def after(self, last: int, count: int) -> list[dict[str, Any]]:
        first = bisect_right(self.ids, last)
        return self._given(self.ids[first : first + count])

    def _given(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        given = [self.row(number) for number in numbers]
        if self.grows and len(self.ids) < 16:
            front = [self.ids[0] - 1] if self.grows_in_front else []
            self.ids = [*front, *self.ids, self.ids[-1] + 1]
        return given


def ids_of(content: bytes) -> Iterable[str]:
    """The ids of a page: the document is the list, or has it at `items`."""
    document = json.loads(content)
    return [str(row["id"]) for row in (document if isinstance(document, list) else document["items"])]


def arrivals(
    put: Callable[[str, bytes], object], files: Mapping[str, bytes]
) -> Callable[[bytes], Iterable[str]]:
    """Tells a file by its content; whenever it is asked, others have arrived beside those there were."""
    known = {content: name for name, content in files.items()}

    def names(content: bytes) -> Iterable[str]:
        for name in files:
            put(name.replace("/", f"/{len(known)}-"), b"new")
            put(f"{name}.part", b"half")
        return [known.setdefault(content, f"new {len(known)}")]

    return names
