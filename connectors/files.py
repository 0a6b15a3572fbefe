"""Files of a folder, or at an http(s) address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from shanhai.connect import address, folder
from shanhai.connect.credential import Auth
from shanhai.connect.http import Headers, HttpSession
from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.transfer import Download
from shanhai.connect.window import Template, WindowKey, fill, windows_asked
from shanhai.errors import ConfigurationError, NotFoundError

_GLOB = frozenset("*?[")


class FilesOptions(Options):
    """Options of the connector `files`."""

    path: tuple[Template, ...] = Field(
        min_length=1,
        description="one path or several below the endpoint; {window} is filled; globs in folders only",
    )
    optional: tuple[Template, ...] = Field(
        default=(), description="like path, but may be absent: corrections"
    )
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")
    auth: Auth | None = Field(default=None, description="http(s) only")
    headers: Headers = Field(default_factory=dict, description="http(s) only")

    @field_validator("path", "optional", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given


class FilesConnector:
    """Files of a folder, or at an http(s) address: CSV, workbooks, archives, whatever the format says.

    A folder has to lie below the allowed roots, and so does every file that a path or a symbolic link
    leads to. Without a window, `{window}` in a folder matches every window.
    """

    options_model = FilesOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(FilesOptions, options, connector="files")
        self._context = context

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per file, named by its path below the endpoint."""
        if self._context.is_http:
            return self._from_address(window)
        if self._options.auth or self._options.headers:
            raise ConfigurationError(
                "connector files: auth and headers need an http(s) endpoint", given=self._context.endpoint
            )
        return folder.bodies(
            self._context.endpoint,
            self._options.path,
            self._options.optional,
            windows_asked(window, self._options.windows),
            roots=self._context.allowed_roots,
            max_bytes=self._context.max_body_bytes,
        )

    def _from_address(self, window: str | None) -> Iterator[Body]:
        options = self._options
        files = list(dict.fromkeys(self._files(window)))
        for file in files:
            if _GLOB & set(file.name):
                raise ConfigurationError(
                    "connector files: a glob needs a folder",
                    given=file.name,
                    allowed="the path of one file, or several",
                )
        with HttpSession(self._context, auth=options.auth, headers=options.headers) as session:
            for file in files:
                download = _download(session, file)
                if download is not None:
                    yield Body(file.name, download.url, download.media_type, download.chunks, download.facts)

    def _files(self, window: str | None) -> Iterator[_File]:
        for asked in windows_asked(window, self._options.windows):
            yield from (_File(fill(path, asked), asked, optional=False) for path in self._options.path)
            yield from (_File(fill(path, asked), asked, optional=True) for path in self._options.optional)


@dataclass(frozen=True)
class _File:
    name: str
    window: str | None
    optional: bool


def _download(session: HttpSession, file: _File) -> Download | None:
    url = address.below(session.base, file.name)
    if not file.optional:
        return session.get(url, window=file.window)
    try:
        return session.get(url)
    except NotFoundError:
        return None
