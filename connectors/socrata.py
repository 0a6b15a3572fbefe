"""A Socrata portal by SODA 2.1 (dev.socrata.com/docs): the rows of a dataset, or the catalogue."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import httpx
from pydantic import Field, model_validator

from shanhai.connect.options import read_options
from shanhai.connect.paging.document import key_at, parsed
from shanhai.connect.paging.kinds import AfterRecord, ByOffset
from shanhai.connect.paging.paged import Query, page_bodies
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.credential import ApiKeyAuth
from shanhai.connect.web.session import HttpSession
from shanhai.connect.web.source import HttpSource, SourceOptions
from shanhai.connect.window import Template, fill, windows_asked
from shanhai.errors import SourceError

_MOST_ROWS = 50_000


class SocrataOptions(SourceOptions):
    """Options of the connector `socrata`."""

    read: Literal["rows", "catalogue"] = "rows"
    dataset: str | None = Field(
        default=None, pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$", description="rows: its four-by-four"
    )
    form: Literal["json", "csv"] = Field(default="json", description="rows: what the pages are")
    select: str = Field(default=":*,*", min_length=1, description="rows: columns; those that page are needed")
    where: Template | None = Field(default=None, min_length=1, description="rows: a condition in SoQL")
    order: Literal["id", "updated", "offset"] = Field(
        default="id", description="rows: how they are walked, see below"
    )
    domain: str | None = Field(default=None, min_length=1, description="catalogue: of this portal only")
    page_size: int = Field(default=10_000, ge=1, le=_MOST_ROWS)
    max_pages: int = Field(default=10_000, ge=1)
    app_token: str | None = Field(
        default=None, pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret, not its value"
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.read == "rows") != (self.dataset is not None):
            raise ValueError("read: rows needs dataset, and read: catalogue has none")
        return self


class SocrataConnector:
    """Rows in the order of the portal's own row identifiers: none comes twice, none is lost between pages."""

    options_model = SocrataOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(SocrataOptions, options, connector="socrata")
        self._source = HttpSource("socrata", self._options, context)
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body a page: `page-000001.json` or `.csv`."""
        options = self._options
        token = options.app_token
        auth = ApiKeyAuth(kind="api_key", secret=token, header="X-App-Token") if token else None
        read = _rows_of_csv if options.read == "rows" and options.form == "csv" else parsed
        with self._source.session(auth) as session:
            for asked in windows_asked(window, options.windows):
                query = self._query(session, asked)
                yield from page_bodies(session, self._context, query, read=read)

    def _query(self, session: HttpSession, window: str | None) -> Query:
        options = self._options
        folder = f"{window}/" if options.windows else ""
        if options.read == "catalogue":
            url = address.below(session.base, "api/catalog/v1")
            params = {"order": "dataset_id"} | ({"domains": options.domain} if options.domain else {})
            return Query(url, self._catalogue(), params, window=window, folder=folder)
        url = address.below(session.base, f"resource/{options.dataset}.{options.form}")
        return self._rows(url, None if options.where is None else fill(options.where, window), window, folder)

    def _catalogue(self) -> ByOffset:
        options = self._options
        return ByOffset(
            kind="offset",
            records="results",
            total_records="resultSetSize",
            key="resource.id",
            limit=options.page_size,
            max_pages=options.max_pages,
        )

    def _rows(self, url: httpx.URL, where: str | None, window: str | None, folder: str) -> Query:
        options = self._options
        params = {"$select": options.select, "$order": _ORDERS[options.order]}
        if where is not None:
            params["$where"] = where
        paging: ByOffset | AfterRecord
        if options.order == "offset":
            paging = ByOffset(
                kind="offset",
                records="",
                key=":id" if _SHOWS_ID.search(options.select) else None,
                limit=options.page_size,
                param="$offset",
                limit_param="$limit",
                max_pages=options.max_pages,
            )
        else:
            params["$limit"] = str(options.page_size)
            told = address.told(url)
            paging = AfterRecord(
                records="",
                following=lambda row: {"$where": _after(row, options.order, where, told)},
                max_pages=options.max_pages,
            )
        return Query(url, paging, params, window=window, folder=folder, suffix=f".{options.form}")


_SHOWS_ID = re.compile(r":\*|:id\b")
_ORDERS = {"id": ":id", "updated": ":updated_at,:id", "offset": ":id"}


def _after(row: Any, order: str, where: str | None, told: str) -> str:
    """The condition for what follows a row in the order of the walk."""
    key = _quoted(key_at(row, ":id", told))
    condition = f":id > {key}"
    if order == "updated":
        moment = _quoted(key_at(row, ":updated_at", told))
        condition = f"(:updated_at > {moment} OR (:updated_at = {moment} AND :id > {key}))"
    return condition if where is None else f"({where}) AND {condition}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rows_of_csv(content: bytes, where: str) -> list[dict[str, str]]:
    """The rows of a page of CSV.

    Raises:
        SourceError: it is none, or cut off.
    """
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(lines)
    except (UnicodeDecodeError, csv.Error):
        # Not chained: the decoder's error holds the page.
        raise SourceError(f"{where} does not answer with CSV", given=f"{len(content)} bytes") from None
    if any(None in row or None in row.values() for row in rows):
        raise SourceError(f"{where} does not answer with whole rows", given=f"{len(content)} bytes")
    return rows
