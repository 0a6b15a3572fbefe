"""The paginating client: asks for page after page until the source has no more, and none is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from shanhai.connect.paging.document import cursor_at, flag_at, integer_at, key_at, parsed, records_at
from shanhai.connect.paging.kinds import (
    AfterRecord,
    ByCursor,
    ByKey,
    ByLinkHeader,
    ByNextAddress,
    ByOffset,
    ByPage,
    Paging,
    Unpaged,
)
from shanhai.connect.paging.watch import Paged, Watch
from shanhai.connect.web.transfer import Whole
from shanhai.errors import SourceError


@dataclass(frozen=True)
class Step:
    """How one page is asked for: parameters, or an address that the source gave."""

    params: dict[str, str | int] = field(default_factory=dict)
    link: str | None = None


@dataclass(frozen=True)
class Page:
    """One page as sent; `number` counts from 1."""

    number: int
    whole: Whole


Fetch = Callable[[int, Step], Whole]
"""Gets the page of that number."""

Reading = Callable[[bytes, str], Any]
"""Makes a document of a page's bytes; the text says where they come from, for errors."""


def walk(
    fetch: Fetch, paging: Paging | AfterRecord, *, where: str, read: Reading | None = None
) -> Iterator[Page]:
    """The pages in the order of the source; one page in memory at a time, whatever their number.

    A last page without records is asked for but not handed on, unless it is the only one. Without `read`
    pages are JSON, except that a source of one answer may send something else under another name.

    Raises:
        SourceError: a cursor or a page comes again, there are more pages than `max_pages`, a page is not
            JSON, is shorter than it should be or lacks what the paths name, the records are not as many as
            announced, or they shifted while they were read.
    """
    if isinstance(paging, Unpaged):
        whole = fetch(1, Step())
        if read is not None or whole.media_type == "application/json" or whole.media_type.endswith("+json"):
            # Where the length was not announced, a cut is seen by the document alone.
            (read or parsed)(whole.content, where)
        yield Page(1, whole)
        return
    watch = Watch(paging, where)
    step = _first(paging)
    for number in range(1, paging.max_pages + 1):
        whole = fetch(number, step)
        document = (read or parsed)(whole.content, where)
        records = None if paging.records is None else records_at(document, paging.records, where)
        watch.add(number, document, records, whole.content)
        if number == 1 or records is None or records:
            yield Page(number, whole)
        following = _next(paging, number, whole, document, records, watch)
        if following is None:
            return watch.check()
        step = following
    raise SourceError(
        f"{where} has more pages than allowed",
        allowed=f"{paging.max_pages} pages",
        hint="raise the option max_pages",
    )


def _first(paging: Paged) -> Step:
    match paging:
        case ByPage():
            return Step({paging.param: paging.first})
        case ByOffset():
            return Step({paging.param: paging.first, paging.limit_param: paging.limit})
        case _:
            return Step()


def _next(
    paging: Paged, number: int, whole: Whole, document: Any, records: list[Any] | None, watch: Watch
) -> Step | None:
    """How the page after this one is asked for; None if this was the last."""
    match paging:
        case ByPage():
            ended = watch.reached or records == [] or _is_last(paging, document, number, watch.where)
            return None if ended else Step({paging.param: paging.first + number * paging.step})
        case ByOffset():
            short = records is not None and len(records) < paging.limit
            if watch.reached or not records or (short and paging.end == "short"):
                return None
            return Step({paging.param: paging.first + watch.came, paging.limit_param: paging.limit})
        case ByKey() | AfterRecord():
            return _after(paging, records[-1], number, watch) if records else None
        case _:
            return _led_on(paging, number, whole, document, watch)


def _after(paging: ByKey | AfterRecord, last: Any, number: int, watch: Watch) -> Step:
    """What follows the last record."""
    if isinstance(paging, ByKey):
        return Step({paging.param: watch.once(key_at(last, paging.key, watch.where), number)})
    params = paging.following(last)
    watch.once(repr(params), number)
    return Step(dict(params))


def _led_on(
    paging: ByCursor | ByNextAddress | ByLinkHeader, number: int, whole: Whole, document: Any, watch: Watch
) -> Step | None:
    """Where the answer itself leads on to."""
    if isinstance(paging, ByLinkHeader):
        token = whole.following
    else:
        token = cursor_at(document, paging.next, watch.where)
    if token is None:
        return None
    watch.once(token, number)
    return Step({paging.param: token}) if isinstance(paging, ByCursor) else Step(link=token)


def _is_last(paging: ByPage, document: Any, number: int, where: str) -> bool:
    if paging.total_pages is not None and number >= integer_at(document, paging.total_pages, where):
        return True
    return paging.has_more is not None and not flag_at(document, paging.has_more, where)
