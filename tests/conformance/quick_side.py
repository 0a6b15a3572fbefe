"""A source of very many pages on loopback, which keeps nothing of what it was asked."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.conformance.far_side import Answering, Asked


class QuickSide:
    """Serves what `answer` says over one kept connection at a time; heads of requests are small."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while head := connection.recv(8192):
                    connection.sendall(self._page(head, connection))

    def _page(self, received: bytes, connection: socket.socket) -> bytes:
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        raw = first.split()[1]
        split = urlsplit(raw)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(8192)
        reply = self._answer(Asked(split.path, dict(parse_qsl(split.query)), headers, raw, body))
        told = {"Content-Type": reply.media_type, "Content-Length": str(len(reply.body)), **reply.headers}
        answered = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"HTTP/1.1 {reply.status} OK\r\n{answered}\r\n".encode() + reply.body
