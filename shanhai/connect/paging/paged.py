"""Bodies of a paged source: one a page, under names that count them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from shanhai.connect.paging.kinds import AfterRecord, ByLinkHeader, Paging
from shanhai.connect.paging.pages import Reading, Step, walk
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.session import HttpSession
from shanhai.connect.web.transfer import Whole

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class Query:
    """What a walk asks for.

    Args:
        params: of every page; those of the walk are added.
        content: sent as JSON with POST, with the walk's parameters in it; None asks with GET.
        window: what is asked for, for errors.
        folder: what the names of the bodies begin with, such as `2024-03/`.
        suffix: what they end with.
        max_page_bytes: a page is held in memory.
    """

    url: httpx.URL
    paging: Paging | AfterRecord
    params: Mapping[str, str] = field(default_factory=dict)
    content: Mapping[str, Any] | None = None
    window: str | None = None
    folder: str = ""
    suffix: str = ".json"
    max_page_bytes: int = 64 * 2**20

    def name(self, number: int) -> str:
        """The name of a page's body."""
        return f"{self.folder}page-{number:06d}{self.suffix}"


def page_bodies(
    session: HttpSession, context: ConnectContext, query: Query, *, read: Reading | None = None
) -> Iterator[Body]:
    """One body a page, in the order of the source.

    Raises:
        SourceError, ConfigurationError, DeniedError, DataError: as `HttpSession.get_whole` and `walk` say.
    """
    told = address.told(query.url)
    # Of the query only what the options say is told: cursors are the source's own.
    origin = told + (f"?{urlencode(query.params)}" if query.params else "")
    fetch = _Fetching(session, context, query)
    for page in walk(fetch, query.paging, where=told, read=read):
        whole = page.whole
        yield Body(
            query.name(page.number),
            origin,
            whole.media_type,
            _pieces(whole.content),
            whole.facts,
            whole.request,
            whole.unchanged,
        )


class _Fetching:
    """Fetches the pages of a query, each by the parameters of its step or by the address that came before."""

    def __init__(self, session: HttpSession, context: ConnectContext, query: Query) -> None:
        self._session = session
        self._query = query
        self._cap = min(query.max_page_bytes, context.max_body_bytes)
        # An answer "unchanged" may lack the header that leads on.
        self._kept = None if isinstance(query.paging, ByLinkHeader) else context.kept
        self._last = query.url

    def __call__(self, number: int, step: Step) -> Whole:
        query = self._query
        if query.content is not None and step.link is None:
            content = json.dumps({**query.content, **step.params}, ensure_ascii=False).encode()
            url = _with(query.url, query.params)
            return self._session.post_whole(url, content, window=query.window, max_bytes=self._cap)
        if step.link is not None:
            self._last = self._session.next_address(self._last, step.link)
        else:
            self._last = _with(query.url, query.params, step.params)
        kept = self._kept(query.name(number)) if self._kept else None
        return self._session.get_whole(self._last, window=query.window, max_bytes=self._cap, kept=kept)


def _with(url: httpx.URL, *params: Mapping[str, str | int]) -> httpx.URL:
    joined = {name: str(value) for one in params for name, value in one.items()}
    return url.copy_with(params=joined) if joined else url


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]
