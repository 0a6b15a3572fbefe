"""Service requests of a city by Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from shanhai.connect.options import read_options
from shanhai.connect.paging.document import parsed, records_at
from shanhai.connect.paging.kinds import ByPage, Unpaged
from shanhai.connect.paging.paged import Query, page_bodies
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.credential import ApiKeyAuth
from shanhai.connect.web.source import HttpSource, SourceOptions
from shanhai.connect.window import check_window, span
from shanhai.errors import ConfigurationError, SourceError

_MOST_DAYS = 90
_MOST_UNPAGED = 1000


class Open311Options(SourceOptions):
    """Options of the connector `open311`."""

    path: str = Field(default="requests.json", description="below the endpoint; JSON")
    jurisdiction_id: str | None = Field(default=None, min_length=1)
    service_code: tuple[str, ...] = Field(default=(), description="only these services")
    status: Literal["open", "closed"] | None = None
    zone: str = Field(
        default="Z", pattern=r"^(Z|[+-]\d\d:\d\d)$", description="offset in which a window's days begin"
    )
    page_size: int | None = Field(default=50, ge=1, description="null: the source does not page")
    max_days: int = Field(
        default=_MOST_DAYS, ge=1, le=_MOST_DAYS, description="of one query; longer is split"
    )
    max_pages: int = Field(default=10_000, ge=1)
    api_key: str | None = Field(
        default=None, pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret, not its value"
    )


class Open311Connector:
    """Requests by the day they were made, in queries of at most 90 days, page by page.

    `start_date` and `end_date` both count as inside, to the second: a query ends one second before the next
    begins, so none has a request of another. What is changed later is seen when its window is pulled again.
    """

    options_model = Open311Options

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(Open311Options, options, connector="open311")
        self._source = HttpSource("open311", self._options, context)
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body a page: `page-000001.json`, in folders when the window is split or windows are listed.

        Raises:
            ConfigurationError: there is no window; a source without dates tells of its latest requests only.
        """
        options = self._options
        asked = (window,) if window is not None else options.windows
        if not asked:
            raise ConfigurationError(
                "connector open311: a window is needed", hint="pull with --window, or list some in windows"
            )
        key = options.api_key
        auth = ApiKeyAuth(kind="api_key", secret=key, param="api_key") if key else None
        with self._source.session(auth) as session:
            url = address.below(session.base, options.path)
            for one in asked:
                spans = list(_spans(check_window(one), options.max_days))
                for start, end in spans:
                    query = Query(
                        url=url,
                        paging=self._paging(),
                        params=self._params(start, end),
                        window=one,
                        folder=(f"{one}/" if options.windows else "")
                        + (f"{start:%Y-%m-%d}/" if len(spans) > 1 else ""),
                    )
                    yield from page_bodies(session, self._context, query, read=self._read)

    def _paging(self) -> ByPage | Unpaged:
        options = self._options
        if options.page_size is None:
            return Unpaged()
        return ByPage(
            kind="page",
            records="",
            key="service_request_id",
            page_size=options.page_size,
            max_pages=options.max_pages,
        )

    def _params(self, start: datetime, end: datetime) -> dict[str, str]:
        options = self._options
        last = end - timedelta(seconds=1)
        params = {
            "jurisdiction_id": options.jurisdiction_id,
            "service_code": ",".join(options.service_code),
            "status": options.status,
            "start_date": f"{start:%Y-%m-%dT%H:%M:%S}{options.zone}",
            "end_date": f"{last:%Y-%m-%dT%H:%M:%S}{options.zone}",
            "page_size": str(options.page_size or ""),
        }
        return {name: value for name, value in params.items() if value}

    def _read(self, content: bytes, where: str) -> Any:
        document = parsed(content, where)
        if self._options.page_size is None and len(records_at(document, "", where)) >= _MOST_UNPAGED:
            # The specification lets a source stop there without a word.
            raise SourceError(
                f"{where} may have left requests out",
                given=f"{_MOST_UNPAGED} requests in one answer",
                hint="lower the option max_days, or set page_size if the source pages",
            )
        return document


def _spans(window: str, days: int) -> Iterator[tuple[datetime, datetime]]:
    start, end = span(window)
    while start < end:
        following = min(start + timedelta(days=days), end)
        yield start, following
        start = following
