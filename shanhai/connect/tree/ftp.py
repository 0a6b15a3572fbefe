"""A server of FTP (RFC 959, 3659) or FTP over TLS (RFC 4217) as a tree of files."""

from __future__ import annotations

import ftplib
import posixpath
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.retry import TransientError
from shanhai.connect.tree import login as logins
from shanhai.connect.tree.login import KeyLogin, PasswordLogin, parse_server
from shanhai.connect.tree.matching import Entry, has_magic, walk
from shanhai.connect.tree.protocol import CHUNK_BYTES, Found
from shanhai.errors import ConfigurationError, DeniedError, SourceError, as_typed

_UNKNOWN_COMMAND = ("500", "501", "502", "504")
_NOT_LOGGED_IN = ("530", "532", "331", "332")
_FORBIDDEN = re.compile(r"denied|not permitted|permission|privilege|forbidden", re.IGNORECASE)
_FOLDERS = ("dir", "cdir", "pdir")


class FtpTree:
    """Files below a folder of a server, over passive connections to the host of the endpoint only.

    The library takes the port of an answer to PASV and never its address, so no server can lead a
    connection to another machine.

    Raises:
        ConfigurationError: the endpoint is no address, or the login is one with a key.
    """

    pinned = False

    def __init__(
        self, context: ConnectContext, login: PasswordLogin | KeyLogin | None, *, encoding: str
    ) -> None:
        if isinstance(login, KeyLogin):
            raise ConfigurationError("FTP knows no keys", given=login.kind, allowed="password")
        self._server = parse_server(context.endpoint)
        self._context = context
        self._login = login
        self._encoding = encoding
        self._session: ftplib.FTP | None = None
        self.told = self._server.told

    def find(self, pattern: str) -> list[str]:
        if not has_magic(pattern):
            return [pattern] if self.found(pattern) else []
        return walk(pattern, self._entries)

    def found(self, name: str) -> Found | None:
        path = self._path(name)
        with self._talk() as session:
            try:
                size = session.size(path)
            except ftplib.error_perm as error:
                _refuse_forbidden(error, f"{self.told}/{name}")
                return None
            modified = ""
            with suppress(ftplib.error_perm):
                modified = session.sendcmd(f"MDTM {path}")[4:].strip()
        facts = {"size": str(size)} | ({"modified": modified} if modified else {})
        return Found(path, f"{self.told}/{name}", size or 0, modified, facts)

    def read(self, file: Found, offset: int) -> Iterator[bytes]:
        whole = False
        try:
            with self._talk() as session:
                try:
                    data = session.transfercmd(f"RETR {file.place}", rest=offset or None)
                except ftplib.error_perm as error:
                    raise DeniedError(f"{file.origin} may not be read", given=str(error)[:3]) from None
                with data:
                    while chunk := data.recv(CHUNK_BYTES):
                        yield chunk
                    if isinstance(data, ssl.SSLSocket):
                        # Some servers say no goodbye; whether all came is told by the size.
                        with suppress(OSError):
                            data.unwrap()
                session.voidresp()
                whole = True
        finally:
            if not whole:
                self.close()

    def close(self) -> None:
        """Hang up; the next question connects again."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _entries(self, folder: str) -> list[Entry]:
        path = self._path(folder)
        with self._talk() as session:
            try:
                listed = [(name, facts["type"].lower()) for name, facts in session.mlsd(path or ".")]
                session.voidcmd("TYPE I")
            except ftplib.error_perm as error:
                if not str(error).startswith(_UNKNOWN_COMMAND):
                    _refuse_forbidden(error, f"{self.told}/{folder}")
                    return []
                return self._entries_by_name(session, folder, path)
        return [Entry(_checked(name), kind in _FOLDERS) for name, kind in listed if kind in ("file", "dir")]

    def _entries_by_name(self, session: ftplib.FTP, folder: str, path: str) -> list[Entry]:
        """Of a server without MLSD: what has a size is a file."""
        try:
            names = [name.rstrip("/").rpartition("/")[2] for name in session.nlst(path or ".")]
            # A listing is text, and a size is told of bytes only.
            session.voidcmd("TYPE I")
        except ftplib.error_perm as error:
            _refuse_forbidden(error, f"{self.told}/{folder}")
            return []
        names = [_checked(name) for name in names if name not in (".", "..")]
        return [Entry(name, not self.found(f"{folder}/{name}" if folder else name)) for name in names]

    def _path(self, name: str) -> str:
        path = posixpath.join(self._server.path, name) if name else self._server.path
        if not path.isprintable():
            raise ConfigurationError("a path cannot be sent", given=as_typed(path))
        return path

    @contextmanager
    def _talk(self) -> Iterator[ftplib.FTP]:
        """A session, logged in; what breaks in the block ends it."""
        try:
            self._session = self._session or self._connected()
            yield self._session
        except ssl.SSLCertVerificationError:
            self.close()
            raise ConfigurationError(
                f"the certificate of {self.told} cannot be verified",
                hint="install the authority that issued it",
            ) from None
        except (ftplib.error_temp, ftplib.error_reply, ftplib.error_proto, EOFError, OSError) as error:
            self.close()
            # Not chained: the library's error may hold what was sent.
            raise TransientError(
                f"{self.told} cannot be reached, or cut off", given=type(error).__name__
            ) from None
        except UnicodeError:
            self.close()
            raise ConfigurationError(
                f"{self.told} names files in another encoding",
                given=self._encoding,
                hint="set the option encoding, such as gb18030",
            ) from None
        except GeneratorExit:
            raise
        except BaseException:
            self.close()
            raise

    def _connected(self) -> ftplib.FTP:
        server, timeout = self._server, self._context.timeout_seconds
        session: ftplib.FTP
        if server.scheme == "ftps":
            session = _TlsSession(
                context=ssl.create_default_context(), timeout=timeout, encoding=self._encoding
            )
        else:
            session = ftplib.FTP(timeout=timeout, encoding=self._encoding)  # noqa: S321 - what the source speaks
        user, secret = "anonymous", ""
        if self._login is not None:
            user, secret = self._login.user, logins.password(self._context, self._login)
        try:
            session.connect(server.host, server.port)
            session.login(user, secret)
            if isinstance(session, ftplib.FTP_TLS):
                session.prot_p()
            session.voidcmd("TYPE I")
        except ftplib.error_perm as error:
            session.close()
            if str(error).startswith(_NOT_LOGGED_IN):
                raise logins.refused(server, self._login) from None
            raise ConfigurationError(
                f"{self.told} refuses the session", given=str(error)[:3], hint="does it speak FTP over TLS?"
            ) from None
        except BaseException:
            session.close()
            raise
        return session


class _TlsSession(ftplib.FTP_TLS):
    """Resumes the control connection's TLS session on data connections, as many servers ask for."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        data, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        control: Any = self.sock
        try:
            wrapped = self.context.wrap_socket(data, server_hostname=self.host, session=control.session)
        except BaseException:
            data.close()
            raise
        return wrapped, size


def _refuse_forbidden(error: ftplib.error_perm, told: str) -> None:
    """Many servers have one code for what is absent and what is forbidden; then their words decide."""
    text = str(error)
    if _FORBIDDEN.search(text):
        raise DeniedError(f"{told} may not be read", given=text[:3], hint="ask the district for access")


def _checked(name: str) -> str:
    if "/" in name or name in ("", ".", "..") or not name.isprintable():
        raise SourceError("a listing has a name that leads elsewhere", given=as_typed(name[:100]))
    return name
