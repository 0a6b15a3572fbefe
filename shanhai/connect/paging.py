"""The paginating client: asks for page after page, by number or by cursor, until the source has no more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shanhai.connect.options import Options
from shanhai.connect.transfer import Whole
from shanhai.errors import SourceError

_ABSENT = object()


class Unpaged(Options):
    """One request has everything."""

    kind: Literal["none"] = "none"


class _Paged(Options):
    records: str | None = Field(default=None, description="dotted path of the list; '': the document itself")
    total_records: str | None = Field(default=None, description="dotted path of a count to be met at the end")
    max_pages: int = Field(default=10_000, ge=1)

    @model_validator(mode="after")
    def _can_count(self) -> Self:
        if self.total_records is not None and self.records is None:
            raise ValueError("total_records needs records, to count them")
        return self


class ByPage(_Paged):
    """Numbered pages, or offsets with `step` set to the size of a page.

    Ends at `total_pages`, when `has_more` is false, when `total_records` came, or at the first page without
    records; which of them holds depends on the paths given.
    """

    kind: Literal["page"]
    param: str = Field(default="page", min_length=1)
    first: int = Field(default=1, ge=0)
    step: int = Field(default=1, ge=1)
    total_pages: str | None = Field(default=None, description="dotted path of the number of pages")
    has_more: str | None = Field(default=None, description="dotted path of a boolean")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.records is None and self.total_pages is None and self.has_more is None:
            raise ValueError("at least one of records, total_pages and has_more, to know the last page")
        return self


class ByCursor(_Paged):
    """Every answer has the cursor of the next page; without one it is the last.

    With `param` the cursor is sent in that parameter; without, it is the address of the next page.
    """

    kind: Literal["cursor"]
    next: str = Field(min_length=1, description="dotted path of the next cursor or address")
    param: str | None = Field(default=None, min_length=1)


Paging = Annotated[Unpaged | ByPage | ByCursor, Field(discriminator="kind")]


@dataclass(frozen=True)
class Step:
    """How one page is asked for: a parameter of the query, or an address that the source gave."""

    params: dict[str, str] = field(default_factory=dict)
    link: str | None = None


Fetch = Callable[[Step], Whole]


@dataclass(frozen=True)
class Page:
    """One page as sent; `number` counts from 1."""

    number: int
    whole: Whole


def walk(fetch: Fetch, paging: Unpaged | ByPage | ByCursor, *, where: str) -> Iterator[Page]:
    """The pages in the order of the source; one page in memory at a time.

    A last page without records is asked for but not handed on, unless it is the only one.

    Raises:
        SourceError: a cursor or a page comes again, there are more pages than `max_pages`, a page is not
            JSON or lacks what the paths name, or the records are not as many as announced.
    """
    match paging:
        case Unpaged():
            return (Page(1, fetch(Step())) for _ in range(1))
        case ByPage():
            return _by_page(fetch, paging, where)
        case ByCursor():
            return _by_cursor(fetch, paging, where)


def _by_page(fetch: Fetch, paging: ByPage, where: str) -> Iterator[Page]:
    seen: set[str] = set()
    count = _Count(paging.total_records, where)
    for number in range(1, paging.max_pages + 1):
        step = Step({paging.param: str(paging.first + (number - 1) * paging.step)})
        whole = fetch(step)
        document = _document(whole.content, where)
        records = _records(document, paging.records, where)
        count.add(document, records)
        if number == 1 or records != 0:
            yield Page(number, whole)
        if records == 0 or count.reached or _is_last(document, paging, number, where):
            return count.check()
        if paging.total_pages is None and paging.has_more is None:
            # Only an empty page would end it: a source that ignores the parameter never sends one.
            _note(
                hashlib.sha256(whole.content).hexdigest(),
                seen,
                f"{where} sends page {number} again",
                paging.param,
            )
    raise _endless(where, paging.max_pages)


def _by_cursor(fetch: Fetch, paging: ByCursor, where: str) -> Iterator[Page]:
    seen: set[str] = set()
    step = Step()
    count = _Count(paging.total_records, where)
    for number in range(1, paging.max_pages + 1):
        whole = fetch(step)
        document = _document(whole.content, where)
        records = _records(document, paging.records, where)
        count.add(document, records)
        if number == 1 or records != 0:
            yield Page(number, whole)
        cursor = _cursor(document, paging.next, where)
        if cursor is None:
            return count.check()
        _note(cursor, seen, f"{where} goes in circles: the cursor of page {number} came before", paging.next)
        step = Step(link=cursor) if paging.param is None else Step({paging.param: cursor})
    raise _endless(where, paging.max_pages)


class _Count:
    """Compares the records that came with the number that the source announced last."""

    def __init__(self, path: str | None, where: str) -> None:
        self._path = path
        self._where = where
        self._came = 0
        self._announced = 0

    def add(self, document: Any, records: int | None) -> None:
        if self._path is not None:
            self._came += records or 0
            self._announced = _integer(document, self._path, self._where)

    @property
    def reached(self) -> bool:
        return self._path is not None and self._came >= self._announced

    def check(self) -> None:
        if self._path is not None and self._came != self._announced:
            raise SourceError(
                f"{self._where} sent another number of records than it announced",
                given=f"{self._came} records",
                allowed=f"{self._announced} at {self._path}",
                hint="records may have been added meanwhile: run it again",
            )


def _is_last(document: Any, paging: ByPage, number: int, where: str) -> bool:
    if paging.total_pages is not None and number >= _integer(document, paging.total_pages, where):
        return True
    if paging.has_more is not None:
        more = _at(document, paging.has_more)
        if not isinstance(more, bool):
            raise _unlike(where, paging.has_more, more, "true or false")
        return not more
    return False


def _document(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        # Not chained: the decoder's error holds the document.
        raise SourceError(f"{where} does not answer with JSON", given=f"{len(content)} bytes") from None


def _records(document: Any, path: str | None, where: str) -> int | None:
    """How many records a page has; None when the options do not say where they are."""
    if path is None:
        return None
    records = _at(document, path)
    if not isinstance(records, list):
        raise _unlike(where, path or "the document", records, "a list of records")
    return len(records)


def _cursor(document: Any, path: str, where: str) -> str | None:
    cursor = _at(document, path)
    if cursor is _ABSENT and not isinstance(_at(document, path.rpartition(".")[0]), dict):
        # Its last name may be left out on the last page; what surrounds it may not, or a typing error
        # in the options would pass for a source with one page.
        raise _unlike(where, path, cursor, "a cursor, or null on the last page")
    if cursor is _ABSENT or cursor is None or cursor is False or cursor == "":
        return None
    if isinstance(cursor, (dict, list, bool)):
        raise _unlike(where, path, cursor, "a text or a number")
    return str(cursor)


def _integer(document: Any, path: str, where: str) -> int:
    value = _at(document, path)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unlike(where, path, value, "a whole number")
    return value


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path; a number in it is an index into a list."""
    value = document
    for part in path.split(".") if path else ():
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def _note(token: str, seen: set[str], message: str, path: str) -> None:
    if token in seen:
        raise SourceError(message, hint=f"the source, or the option paging and its {path}, is wrong")
    seen.add(token)


def _unlike(where: str, path: str, value: object, allowed: str) -> SourceError:
    # Only the type is told: the value may be personal.
    given = "nothing" if value is _ABSENT else type(value).__name__
    return SourceError(f"{where} has something else at {path}", given=given, allowed=allowed)


def _endless(where: str, max_pages: int) -> SourceError:
    return SourceError(
        f"{where} has more pages than allowed",
        allowed=f"{max_pages} pages",
        hint="raise the option max_pages",
    )
