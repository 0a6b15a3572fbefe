"""A CKAN portal by its action API (docs.ckan.org/en/latest/api): catalogue, files of a dataset, datastore."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, Self
from urllib.parse import unquote

import httpx
from pydantic import Field, model_validator

from shanhai.connect.options import read_options
from shanhai.connect.paging.document import ABSENT, at, parsed, records_at
from shanhai.connect.paging.kinds import ByOffset
from shanhai.connect.paging.paged import Query, page_bodies
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.web import address
from shanhai.connect.web.credential import ApiKeyAuth
from shanhai.connect.web.session import HttpSession
from shanhai.connect.web.source import HttpSource, SourceOptions
from shanhai.connect.window import Template, fill, windows_asked
from shanhai.errors import ConfigurationError, DeniedError, NotFoundError, ShanhaiError, SourceError

_NOT_IN_A_NAME = re.compile(r"[^\w.+-]+")

_Asked = tuple[str, ByOffset, dict[str, str | None]]
"""The name of an action, how its answers are paged, and what it is asked."""


class CkanOptions(SourceOptions):
    """Options of the connector `ckan`."""

    read: Literal["catalogue", "resources", "datastore"]
    dataset: Template | None = Field(default=None, description="resources: name or id of the dataset")
    format: tuple[str, ...] = Field(default=(), description="resources: only those of these formats")
    name: Template | None = Field(default=None, description="resources: glob of their names")
    resource: Template | None = Field(default=None, description="datastore: id of the resource")
    filters: dict[str, Any] = Field(default_factory=dict, description="datastore: column: value, or values")
    query: Template | None = Field(default=None, description="catalogue: in the portal's query language (fq)")
    sort: str | None = Field(default=None, min_length=1, description="a stable order: id, or _id")
    page_size: int = Field(default=1000, ge=1, le=32_000)
    max_pages: int = Field(default=10_000, ge=1)
    token: str | None = Field(
        default=None, pattern=r"^[a-z][a-z0-9_]*$", description="name of the secret with an API token"
    )

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        needed = {"resources": "dataset", "datastore": "resource"}.get(self.read)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"read: {self.read} needs {needed}")
        allowed = {
            "catalogue": {"query", "sort"},
            "resources": {"dataset", "format", "name"},
            "datastore": {"resource", "filters", "sort"},
        }
        others = set().union(*allowed.values()) - allowed[self.read]
        if wrong := sorted(others & self.model_fields_set):
            raise ValueError(f"read: {self.read} has no {wrong[0]}")
        return self


class CkanConnector:
    """A portal's datasets, a dataset's files, or the rows of a resource that is in the datastore."""

    options_model = CkanOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(CkanOptions, options, connector="ckan")
        self._source = HttpSource("ckan", self._options, context)
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """Pages `page-000001.json`, or files `<resource id>/<file name>` in the order of their ids."""
        options = self._options
        secret = options.token
        auth = ApiKeyAuth(kind="api_key", secret=secret, header="Authorization") if secret else None
        with self._source.session(auth) as session:
            for asked in windows_asked(window, options.windows):
                folder = f"{asked}/" if options.windows else ""
                if options.read == "resources":
                    yield from self._files(session, asked, folder)
                else:
                    query = self._query(session, asked, folder)
                    yield from page_bodies(session, self._context, query, read=_result)

    def _query(self, session: HttpSession, window: str | None, folder: str) -> Query:
        url, paging, params = (
            self._catalogue(window) if self._options.read == "catalogue" else self._rows(window)
        )
        return Query(
            url=_action(session, url),
            paging=paging,
            params={name: value for name, value in params.items() if value is not None},
            window=window,
            folder=folder,
        )

    def _catalogue(self, window: str | None) -> _Asked:
        options = self._options
        paging = ByOffset(
            kind="offset",
            records="result.results",
            total_records="result.count",
            key="id",
            limit=options.page_size,
            param="start",
            limit_param="rows",
            max_pages=options.max_pages,
        )
        filtered = options.query and fill(options.query, window)
        return "package_search", paging, {"fq": filtered, "sort": options.sort or "id asc"}

    def _rows(self, window: str | None) -> _Asked:
        options = self._options
        paging = ByOffset(
            kind="offset",
            records="result.records",
            total_records="result.total",
            key="_id",
            # Row numbers only grow: in their order new rows come last.
            appends=options.sort in (None, "_id", "_id asc"),
            limit=options.page_size,
            param="offset",
            limit_param="limit",
            max_pages=options.max_pages,
        )
        params = {
            "resource_id": fill(options.resource or "", window),
            "filters": json.dumps(options.filters, ensure_ascii=False) if options.filters else None,
            "sort": options.sort or "_id",
            "include_total": "true",
        }
        return "datastore_search", paging, params

    def _files(self, session: HttpSession, window: str | None, folder: str) -> Iterator[Body]:
        url = _action(session, "package_show").copy_with(
            params={"id": fill(self._options.dataset or "", window)}
        )
        answer = session.get_whole(url, window=window)
        told = address.told(url)
        listed = records_at(_result(answer.content, told), "result.resources", told)
        chosen = [resource for resource in listed if self._is_chosen(resource, window, told)]
        if not chosen:
            raise self._nothing(told, window)
        for resource in sorted(chosen, key=lambda one: _text(one, "id", told)):
            file = session.led_to(url, _text(resource, "url", told))
            name = (
                f"{folder}{_safe(_text(resource, 'id', told))}/{_safe(unquote(file.path).rpartition('/')[2])}"
            )
            download = session.get(file, window=window, kept=self._context.kept(name))
            yield Body(
                name,
                download.url,
                download.media_type,
                download.chunks,
                download.facts,
                download.request,
                download.unchanged,
            )

    def _is_chosen(self, resource: Any, window: str | None, told: str) -> bool:
        options = self._options
        if at(resource, "state") not in ("active", ABSENT):
            return False
        form, name = str(at(resource, "format")).casefold(), str(at(resource, "name"))
        if options.format and form not in {one.casefold() for one in options.format}:
            return False
        return options.name is None or fnmatchcase(name, fill(options.name, window))

    def _nothing(self, told: str, window: str | None) -> ShanhaiError:
        kind = NotFoundError if window is None else SourceError
        which = "" if window is None else f" for window {window}"
        return kind(
            f"{told} has no such files{which}",
            allowed=f"format {', '.join(self._options.format) or 'any'}, name {self._options.name or 'any'}",
            hint="check the options dataset, format and name",
        )


def _action(session: HttpSession, name: str) -> httpx.URL:
    return address.below(session.base, f"api/3/action/{name}")


def _result(content: bytes, where: str) -> Any:
    """The answer, if the portal calls it a success: its errors may come with status 200.

    Raises:
        SourceError, ConfigurationError, DeniedError, NotFoundError: it does not.
    """
    document = parsed(content, where)
    if at(document, "success") is True:
        return document
    kind = at(document, "error.__type")
    match kind:
        case "Authorization Error":
            raise DeniedError(f"{where} forbids the request", given=kind, hint="check the option token")
        case "Not Found Error":
            raise NotFoundError(f"{where} has nothing", given=kind, hint="check the ids in the options")
        case "Validation Error" | "Search Query Error":
            raise ConfigurationError(f"{where} refuses the request", given=kind, hint="check the options")
        case _:
            raise SourceError(f"{where} answers with an error", allowed="success: true")


def _text(resource: Any, path: str, where: str) -> str:
    value = at(resource, path)
    if not isinstance(value, str) or not value:
        raise SourceError(f"{where} lists a file without {path}")
    return value


def _safe(name: str) -> str:
    """The name as part of a path."""
    return _NOT_IN_A_NAME.sub("_", name).lstrip(".") or "file"
