"""A server of SFTP as a tree of files: its host key is known beforehand, and links do not lead out."""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shanhai.connect.protocol import ConnectContext
from shanhai.connect.retry import TransientError
from shanhai.connect.tree import login as logins
from shanhai.connect.tree.login import KeyLogin, PasswordLogin, Server, parse_server
from shanhai.connect.tree.matching import Entry, has_magic, walk
from shanhai.connect.tree.protocol import CHUNK_BYTES, Found
from shanhai.errors import ConfigurationError, DeniedError

if TYPE_CHECKING:
    import paramiko

_REQUESTS_AHEAD = 64


class SftpTree:
    """Files below a folder of a server. Nothing is sent to a server whose host key is not one of `host_keys`.

    Raises:
        ConfigurationError: the endpoint is no address, or login or host key are missing.
    """

    pinned = False

    def __init__(
        self, context: ConnectContext, login: PasswordLogin | KeyLogin | None, host_keys: Sequence[str]
    ) -> None:
        self._server = parse_server(context.endpoint)
        self.told = self._server.told
        if login is None:
            raise logins.refused(self._server, None)
        if not host_keys:
            raise ConfigurationError(
                "SFTP needs the fingerprint of the host key",
                given=self.told,
                allowed="option host_keys: ['SHA256:…']",
                hint="ask the district for it, or compare that of `ssh-keyscan <host> | ssh-keygen -lf -`",
            )
        self._context = context
        self._login = login
        self._host_keys = host_keys
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._base = ""
        self._insides: set[str] = set()

    def find(self, pattern: str) -> list[str]:
        if not has_magic(pattern):
            return [pattern] if self.found(pattern) else []
        return walk(pattern, self._entries)

    def found(self, name: str) -> Found | None:
        with self._talk(name) as sftp:
            try:
                path, now = self._inside(sftp, name)
            except FileNotFoundError:
                return None
        if not stat.S_ISREG(now.st_mode or 0):
            return None
        size, seconds = now.st_size or 0, now.st_mtime or 0
        modified = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
        facts = {"size": str(size), "last-modified": modified}
        return Found(path, f"{self.told}/{name}", size, str(seconds), facts)

    def read(self, file: Found, offset: int) -> Iterator[bytes]:
        with self._talk(file.origin) as sftp, sftp.open(file.place, "rb") as stream:
            stream.seek(offset)
            if file.size - offset > CHUNK_BYTES:
                stream.prefetch(file.size, _REQUESTS_AHEAD)
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk

    def close(self) -> None:
        """Hang up; the next question connects again."""
        if self._client is not None:
            self._client.close()
        self._client = self._sftp = None

    def _entries(self, folder: str) -> list[Entry]:
        with self._talk(folder) as sftp:
            try:
                listed = sftp.listdir_attr(self._inside(sftp, folder)[0] if folder else self._base)
            except FileNotFoundError:
                return []
        # A link to a folder is not descended; one to a file is followed when it is asked for.
        return [Entry(one.filename, stat.S_ISDIR(one.st_mode or 0)) for one in listed]

    def _inside(self, sftp: paramiko.SFTPClient, name: str) -> tuple[str, paramiko.SFTPAttributes]:
        """The path with its links followed, if that is below the base, and what is there."""
        path = posixpath.join(self._base, name)
        folder = posixpath.dirname(path)
        here = sftp.lstat(path)
        linked = stat.S_ISLNK(here.st_mode or 0)
        if not linked and folder in self._insides:
            return path, here
        resolved = sftp.normalize(path)
        if not resolved.startswith(self._base.rstrip("/") + "/"):
            raise DeniedError("a file lies outside the endpoint", given=f"{self.told}/{name}")
        if resolved == path:
            self._insides.add(folder)
        return resolved, sftp.stat(resolved) if linked else here

    @contextmanager
    def _talk(self, what: str) -> Iterator[paramiko.SFTPClient]:
        """A session, logged in; what breaks in the block ends it."""
        import paramiko

        try:
            if self._sftp is None:
                self._connect()
            if self._sftp is None:
                raise AssertionError("connected without a session")
            yield self._sftp
        except PermissionError:
            raise DeniedError(
                f"{self.told} forbids to read", given=what, hint="ask the district for access"
            ) from None
        except FileNotFoundError:
            raise TransientError(f"{self.told}: a file is gone", given=what) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            raise TransientError(
                f"{self.told} cannot be reached, or cut off", given=type(error).__name__
            ) from None

    def _connect(self) -> None:
        import paramiko

        timeout = self._context.timeout_seconds
        self._client = paramiko.SSHClient()
        self._client.set_missing_host_key_policy(_pinned(self._server, self._host_keys))
        key = self._key() if isinstance(self._login, KeyLogin) else None
        password = (
            logins.password(self._context, self._login) if isinstance(self._login, PasswordLogin) else None
        )
        try:
            self._client.connect(
                self._server.host,
                self._server.port,
                self._login.user,
                password=password,
                pkey=key,
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                channel_timeout=timeout,
                allow_agent=False,
                look_for_keys=False,
            )
        except paramiko.AuthenticationException as error:
            transport = self._client.get_transport()
            # The library has one class for a refusal, for no answer and for a connection that was cut.
            answered = transport is not None and transport.is_active() and "timeout" not in str(error)
            self.close()
            if answered:
                raise logins.refused(self._server, self._login) from None
            raise TransientError(f"{self.told} does not answer a login", given="no answer") from None
        except ConfigurationError:
            self.close()
            raise
        self._sftp = _session(self._client, timeout)
        self._base = self._sftp.normalize(self._server.path or ".")

    def _key(self) -> paramiko.PKey:
        import paramiko

        login = self._login
        if not isinstance(login, KeyLogin):
            raise AssertionError(login.kind)
        text = self._context.secret(login.secret).get_secret_value().strip() + "\n"
        phrase = self._context.secret(login.passphrase).get_secret_value() if login.passphrase else None
        kinds: tuple[Callable[..., paramiko.PKey], ...] = (
            paramiko.Ed25519Key.from_private_key,
            paramiko.ECDSAKey.from_private_key,
            paramiko.RSAKey.from_private_key,
        )
        for read in kinds:
            try:
                return read(io.StringIO(text), phrase)
            except (paramiko.SSHException, ValueError):
                continue
        raise ConfigurationError(
            "a secret is no private key, or its passphrase is another",
            given=login.secret,
            allowed="an Ed25519, ECDSA or RSA key in OpenSSH's or PEM form",
        )


def _session(client: paramiko.SSHClient, timeout: float) -> paramiko.SFTPClient:
    """A session of SFTP, each wait in it limited; the library waits without end for it to be opened."""
    hanging_up = threading.Timer(timeout, client.close)
    hanging_up.start()
    try:
        session = client.open_sftp()
        channel = session.get_channel()
        if channel is not None:
            channel.settimeout(timeout)
    finally:
        hanging_up.cancel()
    return session


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key's wire form, as OpenSSH tells it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _pinned(server: Server, host_keys: Sequence[str]) -> paramiko.MissingHostKeyPolicy:
    import paramiko

    class Pinned(paramiko.MissingHostKeyPolicy):
        """No host key is known to the library: every one is compared here, before anything is sent."""

        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            shown = fingerprint(key.asbytes())
            if shown not in host_keys:
                raise ConfigurationError(
                    f"{server.told} shows another host key",
                    given=f"{key.get_name()} {shown}",
                    allowed=host_keys,
                    hint="somebody may stand in between: ask the district before you change the option",
                )

    return Pinned()
