"""What is watched over a walk of pages: records are counted, and none may be missing, shift or come again."""

from __future__ import annotations

import hashlib
from typing import Any

from shanhai.connect.paging.document import integer_at, key_at
from shanhai.connect.paging.kinds import (
    AfterRecord,
    ByCursor,
    ByKey,
    ByLinkHeader,
    ByNextAddress,
    ByOffset,
    ByPage,
)
from shanhai.errors import SourceError

_RUN_AGAIN = "records came or went meanwhile: run it again, or ask for a span of time that is over"

Paged = ByPage | ByOffset | ByCursor | ByNextAddress | ByLinkHeader | ByKey | AfterRecord


class Watch:
    """Sees the pages of one walk go by; what it remembers of them does not grow with their number."""

    def __init__(self, paging: Paged, where: str) -> None:
        self.where = where
        self.came = 0
        self._paging = paging
        self._announced: int | None = None
        self._short_page: int | None = None
        self._keys: frozenset[str] = frozenset()
        self._circle = _Circle()

    def add(self, number: int, document: Any, records: list[Any] | None, content: bytes) -> None:
        """Look at a page.

        Raises:
            SourceError: it is not what should follow the pages before.
        """
        if records is not None:
            self._check_size(number, len(records))
            self._check_keys(number, records)
            self.came += len(records)
        self._check_total(document)
        # A source that ignores the parameter never sends the empty page that would end the walk.
        looks = records != [] and self._ends_at_nothing()
        if looks and self._circle.closes(hashlib.sha256(content).hexdigest()):
            raise SourceError(f"{self.where} sends page {number} again", hint="is the option param right?")

    @property
    def reached(self) -> bool:
        """Whether all that was announced has come."""
        return self._announced is not None and self.came >= self._announced

    def once(self, token: str, number: int) -> str:
        """The token of the page after page `number`.

        Raises:
            SourceError: it came before.
        """
        if self._circle.closes(token):
            raise SourceError(
                f"{self.where} goes in circles: what follows page {number} came before",
                hint="the source, or the option paging, is wrong",
            )
        return token

    def check(self) -> None:
        """Return if as many records came as were announced.

        Raises:
            SourceError: other than that.
        """
        if self._announced is not None and self.came != self._announced:
            raise SourceError(
                f"{self.where} sent another number of records than it announced",
                given=f"{self.came} records",
                allowed=f"{self._announced} at {self._paging.total_records}",
                hint=_RUN_AGAIN,
            )

    def _check_size(self, number: int, size: int) -> None:
        full = _size(self._paging)
        if full is None or size == 0:
            return
        if self._short_page is not None:
            raise SourceError(
                f"{self.where} sent a part of page {self._short_page} only",
                allowed=f"{full} records on every page but the last",
                hint="run it again; if the source gives fewer a page, say how many in the option paging",
            )
        if size > full:
            raise SourceError(
                f"{self.where} sends more records on a page than asked for",
                given=f"{size} on page {number}",
                allowed=f"{full}",
                hint="it may not know the parameter: check the option paging",
            )
        if size < full:
            self._short_page = number

    def _check_keys(self, number: int, records: list[Any]) -> None:
        path = self._paging.key if isinstance(self._paging, (ByPage, ByOffset, ByKey)) else None
        if path is None:
            return
        keys = frozenset(key_at(record, path, self.where) for record in records)
        if keys & self._keys:
            raise SourceError(
                f"{self.where} changed while it was read: page {number} repeats a record of the one before",
                hint=_RUN_AGAIN,
            )
        self._keys = keys

    def _check_total(self, document: Any) -> None:
        if self._paging.total_records is None:
            return
        total = integer_at(document, self._paging.total_records, self.where)
        before, self._announced = self._announced, total
        if before is None or total == before or not isinstance(self._paging, (ByPage, ByOffset)):
            return
        if total < before or not self._paging.appends:
            raise SourceError(
                f"{self.where} changed while it was read",
                given=f"{total} records, {before} on the page before",
                hint=_RUN_AGAIN,
            )

    def _ends_at_nothing(self) -> bool:
        match self._paging:
            case ByPage(total_pages=None, has_more=None) | ByOffset():
                return True
            case _:
                return False


class _Circle:
    """Sees that a sequence goes in circles, by one token in memory (Brent, BIT 20, 1980).

    A circle of n is seen after at most 3 n further tokens.
    """

    def __init__(self) -> None:
        self._mark: str | None = None
        self._power = 1
        self._since = 0

    def closes(self, token: str) -> bool:
        if token == self._mark:
            return True
        if self._mark is None or self._since == self._power:
            self._power *= 2 if self._mark is not None else 1
            self._mark, self._since = token, 0
        self._since += 1
        return False


def _size(paging: Paged) -> int | None:
    match paging:
        case ByPage(page_size=size):
            return size
        case ByOffset(limit=limit):
            return limit
        case _:
            return None
