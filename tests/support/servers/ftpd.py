"""A server of FTP, with or without TLS, that a test starts for itself and that misbehaves on request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

USER = "reader"


@dataclass
class Ftpd:
    """A running server of a folder, with what it was asked.

    Args:
        cuts: sizes after which the next transfers are cut off.
        stops_after: bytes after which every transfer stands still, while all stays open.
    """

    files: Path
    password: str = field(repr=False)
    scheme: str = "ftp"
    port: int = 0
    cuts: list[int] = field(default_factory=list)
    stops_after: int | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The address as a contract's district states it."""
        return f"{self.scheme}://127.0.0.1:{self.port}/"


@contextmanager
def ftpd(
    files: Path,
    *,
    password: str,
    certificate: Path | None = None,
    encoding: str = "utf-8",
    said_to_be_at: str = "",
    without: tuple[str, ...] = (),
    rights: str = "elr",
) -> Iterator[Ftpd]:
    """A server.

    Args:
        certificate: of TLS, which is then asked for; a PEM file with the key.
        said_to_be_at: the address that answers to PASV give, in place of the true one.
        without: commands that it does not know.
        rights: `e` enter, `l` list, `r` read.
    """
    server = Ftpd(files, password, "ftps" if certificate else "ftp")
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, password, str(files), perm=rights)
    given: dict[str, Any] = {
        "authorizer": authorizer,
        "encoding": encoding,
        "unicode_errors": "strict",
        "proto_cmds": {name: about for name, about in FTPHandler.proto_cmds.items() if name not in without},
        "auth_failed_timeout": 0,
        "masquerade_address": said_to_be_at or None,
        "use_sendfile": False,
        "dtp_handler": _cutting(server, TLS_DTPHandler if certificate else DTPHandler),
        "pre_process_command": _listening(server, TLS_FTPHandler if certificate else FTPHandler),
    }
    if certificate:
        given |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
        given["proto_cmds"] = {
            name: about for name, about in TLS_FTPHandler.proto_cmds.items() if name not in without
        }
    base = TLS_FTPHandler if certificate else FTPHandler
    handler = type("Handler", (base,), given)
    logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
    loop = IOLoop()
    running = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    server.port = running.address[1]
    ended = threading.Event()
    thread = threading.Thread(target=_serve, args=(loop, ended))
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        thread.join()
        running.close_all()


def _serve(loop: IOLoop, ended: threading.Event) -> None:
    while not ended.is_set():
        loop.loop(timeout=0.02, blocking=False)


def _cutting(server: Ftpd, base: type) -> type:
    class Cutting(base):  # type: ignore[misc]
        def send(self, data: bytes) -> int:
            if server.stops_after is not None and self.tot_bytes_sent >= server.stops_after:
                return 0
            sent: int = super().send(data)
            if server.cuts and self.tot_bytes_sent + sent >= server.cuts[0]:
                server.cuts.pop(0)
                self.cmd_channel.close()
            return sent

    return Cutting


def _listening(server: Ftpd, base: type) -> Any:
    def pre_process_command(self: Any, line: str, cmd: str, arg: str) -> None:
        server.asked.append(cmd if cmd == "PASS" else line)
        base.pre_process_command(self, line, cmd, arg)

    return pre_process_command
