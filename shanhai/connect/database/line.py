"""Connections to a server that lead through this process, so that a silent server can be hung up on."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Self

_PIECE_BYTES = 1 << 18
_TICK_SECONDS = 0.1


class Line:
    """Connections to a server for a client library that waits without end; it connects to `here` instead.

    The library of PostgreSQL has no limit for a wait for rows, and its way to cancel needs a server that
    answers. A process that is stopped on a machine that runs is not noticed by TCP either. Bytes pass as they
    are, so TLS is between the two ends. One connection is open at a time.

    Args:
        seconds: for connecting, and for the server to take what is sent.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._server = host, port
        self._seconds = seconds
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.here: int = self._door.getsockname()[1]
        self._ends: tuple[socket.socket, ...] = ()
        self._patience: float | None = None
        self._heard = 0.0
        self._closed = False
        self.was_silent = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Hang up when nothing comes from the server for `seconds` while the block lasts."""
        self._heard, self._patience = time.monotonic(), seconds
        try:
            yield
        finally:
            self._patience = None

    def shut(self) -> None:
        """Let nobody in any more; what is connected stays."""
        _hang_up(self._door)

    def close(self) -> None:
        """Hang up; may be repeated."""
        self._closed = True
        self.shut()
        for one in self._ends:
            _hang_up(one)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        with suppress(OSError), self._door:
            while True:
                near, _ = self._door.accept()
                with near, suppress(OSError), self._reached() as far:
                    self._ends = near, far
                    for one in self._ends:
                        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._pass_on(near, far)
                    self._ends = ()

    def _reached(self) -> socket.socket:
        far = socket.create_connection(self._server, timeout=self._seconds)
        # Has the system notice within a few times so long that the other machine is gone.
        wait = max(1, math.ceil(self._seconds))
        far.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, wait)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, wait // 3))
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        return far

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        """Until one end hangs up, or the server is silent for too long."""
        with DefaultSelector() as selector:
            for one in (near, far):
                selector.register(one, EVENT_READ)
            while not self._closed:
                ready = {key.fileobj for key, _ in selector.select(_TICK_SECONDS)}
                if far in ready:
                    self._heard = time.monotonic()
                elif self._is_too_long():
                    self.was_silent = True
                    return
                if not all(_passed(one, other) for one, other in ((far, near), (near, far)) if one in ready):
                    return

    def _is_too_long(self) -> bool:
        patience = self._patience
        return patience is not None and time.monotonic() - self._heard > patience


def _passed(one: socket.socket, other: socket.socket) -> bool:
    """Hand on what came; False at the end."""
    piece = one.recv(_PIECE_BYTES)
    other.sendall(piece)
    return bool(piece)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
