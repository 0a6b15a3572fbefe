"""Files of a folder, or at an http(s) address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, field_validator

from shanhai.connect import address, folder
from shanhai.connect.credential import Auth
from shanhai.connect.http import HttpSession, check_headers
from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.window import check_template, check_window, fill, windows_asked
from shanhai.errors import ConfigurationError

_GLOB = frozenset("*?[")


class FilesOptions(Options):
    """Options of the connector `files`."""

    path: tuple[str, ...] = Field(
        min_length=1,
        description="one path or several below the endpoint; {window} is filled; globs in folders only",
    )
    windows: tuple[str, ...] = Field(default=(), description="what a pull without a window asks for")
    auth: Auth | None = Field(default=None, description="http(s) only")
    headers: dict[str, str] = Field(default_factory=dict, description="http(s) only")

    @field_validator("path", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @field_validator("path")
    @classmethod
    def _known_placeholders(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_template(path) for path in paths)

    @field_validator("windows")
    @classmethod
    def _windows(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_window(window) for window in windows)

    @field_validator("headers")
    @classmethod
    def _harmless(cls, headers: dict[str, str]) -> dict[str, str]:
        return dict(check_headers(headers))


class FilesConnector:
    """Files of a folder, or at an http(s) address: CSV, workbooks, archives, whatever the format says.

    A folder has to lie below the allowed roots, and so does every file that a path or a symbolic link
    leads to. Without a window, `{window}` in a folder matches every window.
    """

    Options = FilesOptions

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
            windows_asked(window, self._options.windows),
            roots=self._context.allowed_roots,
            max_bytes=self._context.max_body_bytes,
        )

    def _from_address(self, window: str | None) -> Iterator[Body]:
        options = self._options
        names: dict[str, str | None] = {}
        for asked in windows_asked(window, options.windows):
            names.update({fill(path, asked): asked for path in options.path})
        for name in names:
            if _GLOB & set(name):
                raise ConfigurationError(
                    "connector files: a glob needs a folder",
                    given=name,
                    allowed="the path of one file, or several",
                )
        with HttpSession(self._context, auth=options.auth, headers=options.headers) as session:
            for name, asked in names.items():
                download = session.get(address.below(session.base, name), window=asked)
                yield Body(name, download.url, download.media_type, download.chunks, download.facts)
