"""A wire to a server on loopback that is cut, goes silent or is not answered when a test says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Wire:
    """Passes bytes to `port` and back.

    Args:
        refuse: so many connections first that are closed at once.
        replies: what the first requests are answered with in the server's stead; then it is closed.
        greetings: the same, said before anything is asked.
        cut_after: bytes from the server after which every connection is cut.
        cuts: how many connections are cut so; None: all.
        silent_after: bytes from the server after which nothing more is passed on, while all stays open.
    """

    def __init__(
        self,
        port: int,
        *,
        refuse: int = 0,
        replies: Sequence[bytes] = (),
        greetings: Sequence[bytes] = (),
        cut_after: int | None = None,
        cuts: int | None = None,
        silent_after: int | None = None,
    ) -> None:
        self.refuse = refuse
        self._replies = list(replies)
        self._greetings = list(greetings)
        self.cut_after = cut_after
        self.silent_after = silent_after
        self._cuts = cuts
        self._server = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            _cut(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.append(near)
                if self.refuse > 0:
                    self.refuse -= 1
                    _cut(near)
                    continue
                if self._answered(near):
                    continue
                far = socket.create_connection(("127.0.0.1", self._server))
                self._open.append(far)
                for one, other, limit in ((near, far, None), (far, near, self._limit())):
                    threading.Thread(target=self._pass, args=(one, other, limit), daemon=True).start()

    def _answered(self, near: socket.socket) -> bool:
        """Whether somebody else than the server answers."""
        if not self._replies and not self._greetings:
            return False
        if self._greetings:
            near.sendall(self._greetings.pop(0))
        else:
            near.recv(1 << 16)
            near.sendall(self._replies.pop(0))
        _cut(near)
        return True

    def _limit(self) -> int | None:
        """After how many bytes from the server the next connection ends, one way or the other."""
        if self.silent_after is not None:
            return self.silent_after
        if self._cuts is not None:
            self._cuts -= 1
            return self.cut_after if self._cuts >= 0 else None
        return self.cut_after

    def _pass(self, one: socket.socket, other: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := one.recv(1 << 16):
                room = len(piece) if limit is None else max(0, limit - passed)
                other.sendall(piece[:room])
                passed += len(piece)
                if room < len(piece):
                    if self.silent_after is not None:
                        return
                    break
        _cut(one)
        _cut(other)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
