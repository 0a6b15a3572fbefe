"""JSON over HTTP(S), page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from shanhai.connect.options import read_options
from shanhai.connect.paging.document import check_expected, parsed
from shanhai.connect.paging.kinds import ByLinkHeader, ByNextAddress, Paging, Unpaged
from shanhai.connect.paging.paged import Query, page_bodies
from shanhai.connect.paging.progress import Progress, RecordCursor
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.session import HttpSession
from shanhai.connect.web.source import HttpSource, SourceOptions
from shanhai.connect.window import Template, check_template, fill, windows_asked


def _check_param(value: object) -> str | int | float:
    if isinstance(value, str):
        return check_template(value)
    if isinstance(value, (int, float)):
        return value
    raise ValueError("a text, a number, true or false")


def _check_content(value: object) -> object:
    match value:
        case dict():
            return {str(name): _check_content(inner) for name, inner in value.items()}
        case list():
            return [_check_content(inner) for inner in value]
        case None:
            return None
        case _:
            return _check_param(value)


Param = Annotated[str | int | float, PlainValidator(_check_param)]
Content = Annotated[dict[str, Any], PlainValidator(_check_content)]


class RestOptions(SourceOptions):
    """Options of the connector `rest`."""

    path: Template = Field(default="", description="relative to the endpoint; {window} is filled")
    params: dict[str, Param] = Field(
        default_factory=dict, description="parameters of the query; {window} is filled in texts"
    )
    method: Literal["GET", "POST"] = "GET"
    content: Content | None = Field(
        default=None, description="POST only: JSON to send, paging in it; {window} is filled in texts"
    )
    auth: Auth | None = None
    paging: Paging = Unpaged()
    expect: dict[str, str | int | bool] = Field(
        default_factory=dict, description="dotted path: value, of every answer that is no error"
    )
    cursor: RecordCursor | None = Field(default=None, description="pull only what is new")
    max_page_bytes: int = Field(default=64 * 2**20, ge=1, description="a page is held in memory")

    @model_validator(mode="after")
    def _post_has_content(self) -> Self:
        if (self.method == "POST") != (self.content is not None):
            raise ValueError("content goes with method POST, and POST with content ({} at least)")
        if self.method == "POST" and isinstance(self.paging, (ByNextAddress, ByLinkHeader)):
            raise ValueError("method POST has no addresses of next pages")
        return self

    @model_validator(mode="after")
    def _cursor_has_records(self) -> Self:
        if self.cursor is not None and self.windows:
            raise ValueError("give cursor or windows, not both")
        if self.cursor is not None and self.records is None:
            raise ValueError("cursor needs records, here or in paging, to look into them")
        return self

    @property
    def records(self) -> str | None:
        """Where the records of a page are, as far as the cursor needs to know."""
        stated = self.cursor.records if self.cursor else None
        return stated if stated is not None else getattr(self.paging, "records", None)


class RestConnector:
    """JSON over HTTP(S), page by page; records are counted to find the last page, never interpreted."""

    options_model = RestOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(RestOptions, options, connector="rest")
        self._source = HttpSource("rest", self._options, context)
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per page: `page-000001.json`, below the window's key when the options list windows."""
        options = self._options
        with self._source.session(options.auth) as session:
            if options.cursor is not None:
                yield from self._since(session, options.cursor)
                return
            read = self._read if options.expect else None
            for asked in windows_asked(window, options.windows):
                query = self._query(session, asked)
                yield from page_bodies(session, self._context, query, read=read)

    def _since(self, session: HttpSession, cursor: RecordCursor) -> Iterator[Body]:
        """What is new since the mark, and again what is at it or within the lag; nothing without a record."""
        context = self._context
        progress = Progress(cursor, self._options.records or "", context.cursor, context.clock())
        query = self._query(session, None)
        query = replace(query, params={**query.params, **progress.asked()})

        def read(content: bytes, where: str) -> Any:
            document = self._read(content, where)
            progress.see(document, where)
            return document

        for body in page_bodies(session, context, query, read=read):
            told = {"cursor": progress.mark.text()} if progress.mark is not None else {}
            if progress.came:
                yield replace(body, facts={**body.facts, **told})

    def _query(self, session: HttpSession, window: str | None) -> Query:
        options = self._options
        content = None if options.content is None else _filled(options.content, window)
        return Query(
            url=address.below(session.base, fill(options.path, window)),
            paging=options.paging,
            params={name: _text(value, window) for name, value in options.params.items()},
            content=content,
            window=window,
            folder=f"{window}/" if options.windows else "",
            max_page_bytes=options.max_page_bytes,
        )

    def _read(self, content: bytes, where: str) -> Any:
        document = parsed(content, where)
        check_expected(document, self._options.expect, where)
        return document


def _text(value: str | int | float, window: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return fill(value, window) if isinstance(value, str) else str(value)


def _filled(value: Any, window: str | None) -> Any:
    """The value with its texts filled, at any depth."""
    match value:
        case str():
            return fill(value, window)
        case dict():
            return {name: _filled(inner, window) for name, inner in value.items()}
        case list():
            return [_filled(inner, window) for inner in value]
        case _:
            return value
