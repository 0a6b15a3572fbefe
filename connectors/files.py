"""Files of a folder, of a file server, or at an http(s) address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext, Kept
from shanhai.connect.tree import login
from shanhai.connect.tree.folder import FolderTree
from shanhai.connect.tree.ftp import FtpTree
from shanhai.connect.tree.login import Fingerprint, Login
from shanhai.connect.tree.matching import has_magic
from shanhai.connect.tree.protocol import Paths, Selection, bodies
from shanhai.connect.tree.sftp import SftpTree
from shanhai.connect.web import address
from shanhai.connect.web.budget import Budget, Rate
from shanhai.connect.web.credential import Auth
from shanhai.connect.web.redirect import Origins
from shanhai.connect.web.session import Headers, HttpSession
from shanhai.connect.web.transfer import Download
from shanhai.connect.window import WindowKey, fill, windows_asked
from shanhai.errors import ConfigurationError, NotFoundError

_OF_HTTP = ("auth", "headers", "rate", "origins")
_HTTP_ONLY, _FTP_ONLY = "http(s) only", "FTP only"


class FilesOptions(Options):
    """Options of the connector `files`."""

    path: Paths = Field(
        min_length=1,
        description="one path or several below the endpoint; {window} is filled; no globs over http(s)",
    )
    optional: Paths = Field(default=(), description="like path, but may be absent: corrections")
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")
    auth: Auth | None = Field(default=None, description=_HTTP_ONLY)
    headers: Headers = Field(default_factory=dict, description=_HTTP_ONLY)
    rate: Rate | None = Field(default=None, description=_HTTP_ONLY)
    origins: Origins = Field(default=(), description="where else the source may lead; " + _HTTP_ONLY)
    login: Login | None = Field(default=None, description="FTP and SFTP only")
    host_keys: tuple[Fingerprint, ...] = Field(default=(), description="SFTP only; one of them is shown")
    encoding: str = Field(default="utf-8", description="of names; " + _FTP_ONLY)


class FilesConnector:
    """Files of a folder, of a server of FTP or SFTP, or at an http(s) address: whatever the format says.

    A folder has to lie below the allowed roots, and so does every file that a path or a symbolic link
    leads to. Without a window, `{window}` in a folder or at a server matches every window.
    """

    options_model = FilesOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(FilesOptions, options, connector="files")
        self._context = context
        self._budget = Budget(self._options.rate, monotonic=context.monotonic, sleep=context.sleep)

    def pull(self, window: str | None) -> Iterator[Body]:
        """One body per file, named by its path below the endpoint."""
        options, context = self._options, self._context
        selection = Selection.of(options.path, options.optional, window, options.windows)
        if context.is_http:
            self._refuse("login", "host_keys")
            yield from self._from_address(window)
        elif not login.is_server(context.endpoint):
            self._refuse(*_OF_HTTP, "login", "host_keys")
            yield from bodies(FolderTree(context.endpoint, context.allowed_roots), selection, context)
        else:
            self._refuse(*_OF_HTTP)
            tree = self._server()
            try:
                yield from bodies(tree, selection, context)
            finally:
                tree.close()

    def _server(self) -> FtpTree | SftpTree:
        options, context = self._options, self._context
        if context.endpoint.lower().startswith("sftp:"):
            return SftpTree(context, options.login, options.host_keys)
        self._refuse("host_keys")
        return FtpTree(context, options.login, encoding=options.encoding)

    def _refuse(self, *names: str) -> None:
        for name in names:
            if getattr(self._options, name):
                raise ConfigurationError(
                    f"connector files: option {name} is not for this endpoint", given=self._context.endpoint
                )

    def _from_address(self, window: str | None) -> Iterator[Body]:
        options = self._options
        files = list(dict.fromkeys(self._files(window)))
        for file in files:
            if has_magic(file.name):
                raise ConfigurationError(
                    "connector files: a glob needs a folder, as http(s) lists no files",
                    given=file.name,
                    allowed="the path of one file, or several",
                )
        with HttpSession(
            self._context,
            auth=options.auth,
            headers=options.headers,
            origins=options.origins,
            budget=self._budget,
        ) as session:
            for file in files:
                download = _download(session, file, self._context.kept(file.name))
                if download is not None:
                    yield _body(file.name, download)

    def _files(self, window: str | None) -> Iterator[_File]:
        for asked in windows_asked(window, self._options.windows):
            yield from (_File(fill(path, asked), asked, optional=False) for path in self._options.path)
            yield from (_File(fill(path, asked), asked, optional=True) for path in self._options.optional)


@dataclass(frozen=True)
class _File:
    name: str
    window: str | None
    optional: bool


def _download(session: HttpSession, file: _File, kept: Kept | None) -> Download | None:
    url = address.below(session.base, file.name)
    if not file.optional:
        return session.get(url, window=file.window, kept=kept)
    try:
        return session.get(url, kept=kept)
    except NotFoundError:
        return None


def _body(name: str, download: Download) -> Body:
    return Body(
        name,
        download.url,
        download.media_type,
        download.chunks,
        download.facts,
        download.request,
        download.unchanged,
    )
