"""A district's system on loopback that misbehaves on request, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.support.servers.served import Served


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: str
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What is sent back.

    Args:
        announced: Content-Length, that of the body when None.
        cut_after: bytes of the body after which the connection is cut.
        pause: seconds between pieces of `piece` bytes.
        head_pause: seconds between the lines of a head that never ends.
        unsaid: nothing is said at all, and the connection is cut.
        reset: what is cut is cut as a machine that fell over does it, not with an orderly end.
        afterwards: is called when all of it was sent.
    """

    body: bytes = b""
    status: int = 200
    media_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    cut_after: int | None = None
    pause: float = 0.0
    piece: int = 1 << 16
    chunked: bool = False
    head_pause: float = 0.0
    unsaid: bool = False
    reset: bool = False
    afterwards: Callable[[], None] | None = None


Answering = Callable[[Asked], Reply]


class FarSide(Served):
    """Serves what `answer` says; the replies in `first` go out before, one per request."""

    def __init__(self, answer: Answering, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.first: list[Reply] = []
        self.asked: list[Asked] = []
        server = _Server(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        super().__init__(server)

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def reply_to(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.first.pop(0) if self.first else self.answer(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        far_side = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(split.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                reply = far_side.reply_to(Asked(split.path, query, headers, self.path, body))
                if reply.unsaid:
                    self.close_connection = True
                else:
                    _send(self, reply)
                if reply.reset:
                    _reset(self.connection)
                if reply.afterwards is not None:
                    reply.afterwards()

            do_POST = do_GET  # noqa: N815 - the name that the library calls

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """Callers that come at once wait for this process to run; a sixth one is not turned away."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are what the tests are about."""


def _reset(connection: socket.socket) -> None:
    """Let the connection end without a farewell when it is closed: socket(7), SO_LINGER."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _dribble(handler: BaseHTTPRequestHandler, pause: float) -> None:
    handler.close_connection = True
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(200):
            time.sleep(pause)
            handler.wfile.write(b"X-%d: x\r\n" % number)
    except OSError:
        """The caller gave up, as it should."""


def _send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    if reply.head_pause:
        _dribble(handler, reply.head_pause)
        return
    handler.send_response(reply.status)
    handler.send_header("Content-Type", reply.media_type)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    else:
        announced = len(reply.body) if reply.announced is None else reply.announced
        handler.send_header("Content-Length", str(announced))
    handler.end_headers()
    body = reply.body if reply.cut_after is None else reply.body[: reply.cut_after]
    try:
        for start in range(0, len(body), reply.piece):
            piece = body[start : start + reply.piece]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.chunked else piece)
            handler.wfile.flush()
            time.sleep(reply.pause)
        if reply.chunked and reply.cut_after is None:
            handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        # The caller hung up, as it should on a body that is too slow or too large.
        handler.close_connection = True
    if reply.cut_after is not None:
        handler.close_connection = True
