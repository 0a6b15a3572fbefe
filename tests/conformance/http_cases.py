"""What any connector over HTTP has to live with, as cases of the suite."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from infra.local.configuration import free_port
from shanhai.connect.conformance import Case
from shanhai.connect.protocol import ConnectContext
from tests.conformance.far_side import Asked, FarSide, Reply

SECRET = "canary-5f0c9e1d7a"
HTML = Reply(b"<!DOCTYPE html><html><body>maintenance</body></html>", media_type="text/html")
CUT = Reply(b"[" + b"1," * 900, cut_after=700)


def closed_port() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def no_wait(seconds: float) -> None:
    """Waits in no time."""


def http_context(endpoint: str) -> ConnectContext:
    return ConnectContext(endpoint, secret=lambda name: SecretStr(SECRET), attempts=3, sleep=no_wait)


class HttpCases(ABC):
    """The faults and hiccups that any HTTP connector has to live with; give `answer`, `case` and `changed`.

    The far side gives entity tags, says "unchanged", and goes on where a cut connection stopped.
    """

    @pytest.fixture(autouse=True)
    def far(self) -> Iterator[FarSide]:
        self.cut_at_size: int | None = None
        self.resumed = 0
        with FarSide(self._answered) as far_side:
            self.far_side = far_side
            yield far_side

    @abstractmethod
    def answer(self, asked: Asked) -> Reply:
        """What the far side says."""

    @abstractmethod
    def case(self, endpoint: str) -> Case:
        """The case of a source at an endpoint."""

    def healthy(self) -> Case:
        return self.case(self.far_side.address + "/base")

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        def always(reply: Reply) -> Callable[[], Case]:
            return lambda: self.after(*[reply] * 3)

        return {
            "down": lambda: self.case(closed_port()),
            "500": always(Reply(b"{}", status=500)),
            "429": always(Reply(status=429)),
            "come back tomorrow": always(Reply(status=503, headers={"Retry-After": "86400"})),
            "web page": always(HTML),
            "cut off": always(CUT),
            "cut off in chunks": always(replace(CUT, chunked=True)),
            "shorter than announced": always(Reply(b"[]", announced=100, cut_after=2)),
            "silent": lambda: _impatient(self.after(*[Reply(b"[1]" * 2, piece=1, pause=0.8)] * 3)),
        }

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {
            "500": lambda: self.after(Reply(status=500), Reply(status=502)),
            "429": lambda: self.after(Reply(status=429, headers={"Retry-After": "1"})),
            "cut off before a byte": lambda: self.after(Reply(b"abc", cut_after=0)),
            "silent": lambda: _impatient(self.after(Reply(announced=9))),
        }

    def truncated(self) -> Case:
        return self.after(CUT, CUT, CUT)

    def cut_midway(self) -> Case:
        case = self.healthy()
        self.cut_at_size = max(len(content) for content in case.bodies.values())
        return case

    def throttled(self, retry_after: float | None) -> Case:
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
        return self.after(Reply(status=429, headers=headers))

    def wrong_credentials(self) -> Case:
        return self.after(Reply(b'{"error": "who are you?"}', status=401))

    def after(self, *first: Reply) -> Case:
        """The healthy source, after it gave these replies."""
        self.far_side.first[:] = first
        return self.healthy()

    def conditional(self) -> Case:
        return self.healthy()

    def _answered(self, asked: Asked) -> Reply:
        reply = self.answer(asked)
        if reply.status != 200 or asked.body:
            return reply
        tag = f'"{hashlib.sha256(reply.body).hexdigest()[:16]}"'
        reply = replace(reply, headers={**reply.headers, "ETag": tag})
        if asked.headers.get("if-none-match") == tag:
            return Reply(status=304, headers=reply.headers)
        if asked.headers.get("if-range") == tag:
            self.resumed += 1
            return _rest(reply, int(asked.headers["range"].removeprefix("bytes=").removesuffix("-")))
        if len(reply.body) == self.cut_at_size:
            self.cut_at_size = None
            return replace(reply, cut_after=len(reply.body) // 2)
        return reply


def _impatient(case: Case) -> Case:
    return replace(case, context=replace(case.context, timeout_seconds=0.5))


def _rest(reply: Reply, start: int) -> Reply:
    size = len(reply.body)
    headers = {**reply.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return replace(reply, body=reply.body[start:], status=206, headers=headers)
