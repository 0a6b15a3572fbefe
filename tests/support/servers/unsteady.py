"""A proxy on loopback before a service of HTTP whose calls fail when and how a test says."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from tests.support.servers.served import Served

Fault = Literal["refused", "busy", "lost", "cut", "reset", "late"]
READS, WRITES = frozenset({"GET", "HEAD"}), frozenset({"PUT", "POST", "DELETE"})
BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>later</Message></Error>"


@dataclass(frozen=True)
class Call:
    """One request, counted from 1."""

    number: int
    method: str
    path: str


_OUR_OWN = ("connection", "transfer-encoding", "content-length")

Plan = Callable[[Call], Fault | None]


def steady(call: Call) -> Fault | None:
    """Nothing fails."""
    return None


def every(times: int, faults: Sequence[Fault], methods: frozenset[str] = READS | WRITES) -> Plan:
    """Of the calls with these methods each `times`-th fails, in one way after the other."""
    came = 0

    def plan(call: Call) -> Fault | None:
        nonlocal came
        if call.method not in methods:
            return None
        came += 1
        return faults[came // times % len(faults)] if came % times == 0 else None

    return plan


class Unsteady(Served):
    """Passes requests to `port` and answers back.

    A fault is one of: `refused`, the connection ends before anything was done; `busy`, status 503; `lost`, it
    is done and the answer never comes; `cut` and `reset`, half of the answer's body comes, and the connection
    ends or breaks; `late`, it is done, and the answer takes `delay` seconds.

    Attributes:
        plan: what becomes of a call; replaced while it runs.
        failed: how many calls failed.
    """

    def __init__(self, port: int, *, delay: float = 0.0) -> None:
        self.plan: Plan = steady
        self.failed = 0
        self.calls = 0
        self.delay = delay
        self._lock = threading.Lock()
        self.far = port
        super().__init__(_Proxy(self))
        self.port: int = self._server.server_port

    def follow(self, plan: Plan) -> None:
        """Begin to count anew."""
        self.plan, self.calls = plan, 0

    def fate(self, method: str, path: str) -> Fault | None:
        """What becomes of the next call."""
        with self._lock:
            self.calls += 1
            fault = self.plan(Call(self.calls, method, path))
            self.failed += fault is not None
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def handle_it(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        fault = self.server.proxy.fate(self.command, self.path)
        if fault == "refused":
            self.close_connection = True
        elif fault == "busy":
            self._say(503, [("Content-Length", str(len(BUSY)))], BUSY)
        else:
            self._answer(*self._passed_on(body), fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_it  # noqa: N815 - the library's names

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        far = http.client.HTTPConnection("127.0.0.1", self.server.proxy.far)
        far.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                far.putheader(name, value)
        far.endheaders(body)
        answer = far.getresponse()
        content = answer.read()
        far.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OUR_OWN]
        length = answer.getheader("Content-Length") or str(len(content))
        return answer.status, [*headers, ("Content-Length", length)], content

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, fault: Fault | None
    ) -> None:
        if fault == "late":
            threading.Event().wait(self.server.proxy.delay)
        self.close_connection = fault in ("lost", "cut", "reset")
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault != "lost":
            half = len(content) // 2
            self._say(status, headers, content[:half] if fault in ("cut", "reset") else content)

    def _say(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Unsteady) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are what the tests are about."""
