"""A table behind a paged source, to which rows may come between one request and the next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Rows:
    """Rows by ascending id; with `grows` each answer is followed by a new first and a new last row.

    `stamp` is the same for every three rows: what many sources sort by, though it is no key.
    """

    ids: list[int] = field(default_factory=lambda: list(range(100, 108)))
    grows: bool = False
    grows_in_front: bool = True

    def row(self, number: int) -> dict[str, Any]:
        return {"id": number, "stamp": f"2024-03-01T00:00:{number // 3 % 60:02}"}

    def slice(self, start: int, count: int) -> list[dict[str, Any]]:
        return self._given(self.ids[start : start + count])

    def after(self, last: int, count: int) -> list[dict[str, Any]]:
        return self._given([number for number in self.ids if number > last][:count])

    def _given(self, numbers: list[int]) -> list[dict[str, Any]]:
        given = [self.row(number) for number in numbers]
        if self.grows and len(self.ids) < 16:
            self.ids.append(self.ids[-1] + 1)
            if self.grows_in_front:
                self.ids.insert(0, self.ids[0] - 1)
        return given


def ids_of(content: bytes) -> Iterable[str]:
    """The ids of a page: the document is the list, or has it at `items`."""
    document = json.loads(content)
    return [str(row["id"]) for row in (document if isinstance(document, list) else document["items"])]
