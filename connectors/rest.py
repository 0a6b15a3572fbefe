"""JSON over HTTP(S), page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
from pydantic import Field, PlainValidator

from shanhai.connect import address
from shanhai.connect.credential import Auth
from shanhai.connect.http import Headers, HttpSession
from shanhai.connect.options import Options, read_options
from shanhai.connect.paging import Paging, Step, Unpaged, walk
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.transfer import Whole
from shanhai.connect.window import Template, WindowKey, check_template, fill, windows_asked
from shanhai.errors import ConfigurationError, DeniedError

_PIECE_BYTES = 1 << 18


def _check_param(value: object) -> str | int | float:
    if isinstance(value, str):
        return check_template(value)
    if isinstance(value, (int, float)):
        return value
    raise ValueError("a text, a number, true or false")


Param = Annotated[str | int | float, PlainValidator(_check_param)]


class RestOptions(Options):
    """Options of the connector `rest`."""

    path: Template = Field(default="", description="relative to the endpoint; {window} is filled")
    params: dict[str, Param] = Field(
        default_factory=dict, description="parameters of the query; {window} is filled in texts"
    )
    headers: Headers = Field(default_factory=dict)
    auth: Auth | None = None
    paging: Paging = Unpaged()
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")
    max_page_bytes: int = Field(default=64 * 2**20, ge=1, description="a page is held in memory")


class RestConnector:
    """JSON over HTTP(S), page by page; records are counted to find the last page, never interpreted."""

    options_model = RestOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(RestOptions, options, connector="rest")
        if not context.is_http:
            raise ConfigurationError(
                "connector rest: the endpoint is no address", given=context.endpoint, allowed="http(s)://…"
            )
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per page: `page-000001.json`, below the window's key when the options list windows."""
        options = self._options
        with HttpSession(self._context, auth=options.auth, headers=options.headers) as session:
            for asked in windows_asked(window, options.windows):
                folder = f"{asked}/" if options.windows else ""
                yield from self._pages(session, asked, folder)

    def _pages(self, session: HttpSession, window: str | None, folder: str) -> Iterator[Body]:
        base = address.below(session.base, fill(self._options.path, window))
        params = {name: _text(value, window) for name, value in self._options.params.items()}
        cap = min(self._options.max_page_bytes, self._context.max_body_bytes)

        def fetch(step: Step) -> Whole:
            url = _next_address(session, base, step) if step.link else _with(base, params | step.params)
            return session.get_whole(url, window=window, max_bytes=cap)

        # Of the query only what the options say is told: cursors are the source's own.
        origin = address.told(base) + (f"?{urlencode(params)}" if params else "")
        for page in walk(fetch, self._options.paging, where=address.told(base)):
            whole = page.whole
            chunks = _pieces(whole.content)
            yield Body(f"{folder}page-{page.number:06d}.json", origin, whole.media_type, chunks, whole.facts)


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE_BYTES):
        yield content[start : start + _PIECE_BYTES]


def _text(value: str | int | float, window: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return fill(value, window) if isinstance(value, str) else str(value)


def _with(base: httpx.URL, params: dict[str, str]) -> httpx.URL:
    return base.copy_with(params=params) if params else base


def _next_address(session: HttpSession, base: httpx.URL, step: Step) -> httpx.URL:
    """The next page's address, which a source may not put into another system's hands."""
    url = address.joined(base, step.link or "")
    if address.origin(url) != address.origin(session.base):
        raise DeniedError(
            "the next page is said to be at another origin",
            given=address.told(url),
            allowed=address.told(session.base),
            hint="if the source states its address wrongly, send the cursor with the option paging.param",
        )
    return url
