"""A server of SFTP with a password, by the library's server side: OpenSSH knows users of the machine only."""

from __future__ import annotations

import hmac
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.sftp import SFTP_NO_SUCH_FILE

from shanhai.connect.tree.sftp import fingerprint

USER = "reader"


@dataclass
class Sftpd:
    """A running server of a folder, and how often a password was wrong."""

    files: Path
    password: str = field(repr=False)
    key: paramiko.PKey = field(repr=False)
    port: int = 0
    refused: int = 0

    @property
    def endpoint(self) -> str:
        """The address as a contract's district states it."""
        return f"sftp://127.0.0.1:{self.port}/"

    @property
    def fingerprint(self) -> str:
        """Of its host key."""
        return fingerprint(self.key.asbytes())


@contextmanager
def sftpd(files: Path, *, password: str) -> Iterator[Sftpd]:
    """A server that knows one user, by a password only."""
    server = Sftpd(files, password, paramiko.ECDSAKey.generate())
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(listener, server, transports))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()


def _accept(listener: socket.socket, server: Sftpd, transports: list[paramiko.Transport]) -> None:
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            transport = paramiko.Transport(near)
            transport.add_server_key(server.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, root=server.files)
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Door(server))
            transports.append(transport)


class _Door(paramiko.ServerInterface):
    def __init__(self, server: Sftpd) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        if username == USER and hmac.compare_digest(password.encode(), self._server.password.encode()):
            return paramiko.AUTH_SUCCESSFUL
        self._server.refused += 1
        return paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    """What is below a folder, to be read."""

    def __init__(self, server: paramiko.ServerInterface, *, root: Path) -> None:
        super().__init__(server)
        self._root = root

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            listed = sorted(self._place(path).iterdir())
        except OSError:
            return SFTP_NO_SUCH_FILE
        return [paramiko.SFTPAttributes.from_stat(one.stat(), one.name) for one in listed]

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(self._place(path).stat())
        except OSError:
            return SFTP_NO_SUCH_FILE

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        handle = paramiko.SFTPHandle(flags)
        try:
            handle.readfile = self._place(path).open("rb")  # type: ignore[attr-defined]
        except OSError:
            return SFTP_NO_SUCH_FILE
        return handle

    def canonicalize(self, path: str) -> str:
        return os.path.normpath(f"/{path}")
