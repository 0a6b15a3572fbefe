"""A source of very many small pages on loopback, which keeps nothing of what it was asked."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_CURSOR = re.compile(rb"[?&]cursor=(\d+)")


class QuickSide:
    """Serves `pages` pages of JSON by cursor over kept connections."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
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
                while head := connection.recv(4096):
                    connection.sendall(self._page(head))

    def _page(self, head: bytes) -> bytes:
        found = _CURSOR.search(head.partition(b"\r\n")[0])
        number = int(found[1]) if found else 1
        following = b"null" if number == self._pages else b"%d" % (number + 1)
        body = b'{"items":[{"id":%d,"text":"%b"}],"next":%b}' % (number, b"x" * 2000, following)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return head % len(body) + body
