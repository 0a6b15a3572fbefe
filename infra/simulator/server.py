"""The three systems on three loopback ports, with sockets that misbehave when told to."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.simulator import catalogue, systems
from infra.simulator.deliveries import SEED
from infra.simulator.misbehaviour import HICCUPS, Misbehaviour, Mood
from infra.simulator.ranges import part_of
from infra.simulator.statement import statement
from infra.simulator.systems import Answer, Request

HOST = "127.0.0.1"
LABEL = f"generated data, nothing in it is real; seed {SEED}"
PUBLISHED = "Mon, 04 Mar 2024 00:00:00 GMT"
_PIECES = 10

Respond = Callable[[Request], Answer]


class Simulator:
    """Three running systems. Use as a context manager, or call `start` and `stop`."""

    def __init__(self, *, token: str, port: int = 0, mood: Mood | None = None) -> None:
        """Bind three ports: `port` and the two after it, or any three free ones for 0."""
        self.mood = mood or Mood()
        self.requests: list[dict[str, Any]] = []
        self._servers: dict[str, _System] = {}
        responders: dict[str, Respond] = {
            "gongshu.api": lambda request: systems.gongshu(request, token),
            "longyou.portal": systems.longyou,
            "zhaohua.portal": systems.zhaohua,
        }
        for offset, (name, respond) in enumerate(responders.items()):
            self._servers[name] = _System(name, port + offset if port else 0, respond, self)
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), name=name, daemon=True)
            for name, server in self._servers.items()
        ]

    @property
    def urls(self) -> dict[str, str]:
        """Base addresses by `<district>.<endpoint>`, without a slash at the end."""
        return {name: f"http://{HOST}:{server.server_port}" for name, server in self._servers.items()}

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Close the ports; answers under way are abandoned."""
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(*, token: str, port: int = 0, hiccups: bool = True) -> Simulator:
    """A started simulator; with `hiccups` the first requests meet a few faults that retries overcome."""
    simulator = Simulator(token=token, port=port, mood=Mood(HICCUPS if hiccups else ()))
    simulator.start()
    return simulator


class _System(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name: str, port: int, respond: Respond, simulator: Simulator) -> None:
        self.name = name
        self.respond = respond
        self.simulator = simulator
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass(frozen=True)
class _Wire:
    """How an answer goes out: `declared` bytes are promised, `sent` are sent, over `seconds`."""

    declared: int
    sent: int
    seconds: float = 0.0
    reset: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "ShanhaiSimulator"
    sys_version = ""
    server: _System

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/__truth__":
            return self._answer(_document(statement()))
        if parts.path == "/__requests__":
            return self._answer(_document(self.server.simulator.requests))
        request = Request(parts.path, dict(parse_qsl(parts.query)), self.headers.get("Authorization", ""))
        fault = self.server.simulator.mood.meet(parts.path)
        answer = part_of(
            self.server.respond(request), self.headers.get("Range", ""), self.headers.get("If-Range", "")
        )
        if fault is not None:
            return self._misbehave(fault, answer)
        return self._answer(answer)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path != "/__control__":
            return self._answer(Answer(404, systems.JSON, b"{}"))
        try:
            fields = json.loads(body or b"{}")
            if fields == {"clear": True}:
                self.server.simulator.mood.clear()
            else:
                self.server.simulator.mood.plan(Misbehaviour.parse(fields))
        except (ValueError, TypeError, AttributeError) as error:
            return self._answer(Answer(400, systems.JSON, json.dumps({"message": str(error)}).encode()))
        return self._answer(_document({"planned": fields}))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: `/__requests__` tells."""

    def _misbehave(self, fault: Misbehaviour, answer: Answer) -> None:
        size = len(answer.body)
        match fault.fault:
            case "429" | "500" | "503":
                headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
                self._answer(Answer(int(fault.fault), systems.JSON, b'{"message":"try later"}', headers))
            case "redirect":
                self._answer(Answer(302, "text/plain", b"", {"Location": fault.location}))
            case "html":
                page = "<!DOCTYPE html><html><body>系统维护中</body></html>".encode()
                self._answer(Answer(200, "text/html; charset=utf-8", page))
            case "slow":
                self._answer(answer, _Wire(size, size, seconds=fault.seconds))
            case "cut":
                self._answer(answer, _Wire(size, size // 2, reset=True))
            case "truncate":
                self._answer(answer, _Wire(size // 2, size // 2))
            case _:
                raise AssertionError(fault.fault)

    def _answer(self, answer: Answer, wire: _Wire | None = None) -> None:
        how = wire or _Wire(len(answer.body), len(answer.body))
        self._remember(answer.status)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(how.declared))
        self.send_header("Last-Modified", PUBLISHED)
        self.send_header("X-Generated", LABEL)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(answer.body[: how.sent], how)

    def _send(self, body: bytes, how: _Wire) -> None:
        if how.seconds:
            piece = max(1, len(body) // _PIECES)
            for start in range(0, len(body), piece):
                self.wfile.write(body[start : start + piece])
                self.wfile.flush()
                time.sleep(how.seconds / _PIECES)
        else:
            self.wfile.write(body)
        if how.reset:
            self.wfile.flush()
            # Lingering for no time makes the kernel send RST: the client sees a broken connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    def _remember(self, status: int) -> None:
        self.server.simulator.requests.append(
            {
                "system": self.server.name,
                "method": self.command,
                "path": urlsplit(self.path).path,
                "status": status,
                "authorized": "Authorization" in self.headers,
            }
        )


def _document(value: Any) -> Answer:
    return Answer(200, systems.JSON, json.dumps(value, ensure_ascii=False).encode())


def warm() -> None:
    """Generate everything now, so that the first request does not wait."""
    for name in catalogue.NAMES:
        catalogue.dataset(name)
