"""Every connector keeps the promises of the protocol, against far sides that fail."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.files import FilesConnector
from connectors.rest import RestConnector
from shanhai.connect.conformance import Case, ConnectorConformance
from shanhai.connect.protocol import ConnectContext
from tests.conformance.far_side import Asked, FarSide, Reply

SECRET = "canary-5f0c9e1d7a"
WINDOW = "2024-03-01"
LARGE = random.Random(1).randbytes(300_000)
HTML = Reply(b"<!DOCTYPE html><html><body>maintenance</body></html>", media_type="text/html")
FILES = {f"water/{WINDOW}.csv": "水表编号,读数\n".encode("gb18030"), f"noise/{WINDOW}.csv": LARGE}
PAGES = [{"data": {"records": [{"id": page * 3 + row} for row in range(3)], "pages": 3}} for page in range(3)]


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def no_wait(seconds: float) -> None:
    """Waits in no time."""


def http_context(endpoint: str) -> ConnectContext:
    return ConnectContext(
        endpoint, secret=lambda name: SecretStr(SECRET), timeout_seconds=0.2, attempts=3, sleep=no_wait
    )


class HttpCases:
    """The faults and hiccups that any HTTP connector has to live with."""

    @pytest.fixture(autouse=True)
    def far(self) -> Iterator[FarSide]:
        with FarSide(self.answer) as far_side:
            self.far_side = far_side
            yield far_side

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def case(self, endpoint: str) -> Case:
        raise NotImplementedError

    def healthy(self) -> Case:
        return self.case(self.far_side.address + "/base")

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        def always(reply: Reply) -> Callable[[], Case]:
            return lambda: self._after(*[reply] * 3)

        return {
            "down": lambda: self.case(closed_port()),
            "500": always(Reply(b"{}", status=500)),
            "429": always(Reply(status=429)),
            "come back tomorrow": always(Reply(status=503, headers={"Retry-After": "86400"})),
            "web page": always(HTML),
            "cut off": always(Reply(b"[" + b"1," * 900, cut_after=700)),
            "cut off in chunks": always(Reply(b"[" + b"1," * 900, cut_after=700, chunked=True)),
            "shorter than announced": always(Reply(b"[]", announced=100, cut_after=2)),
            "silent": always(Reply(b"[1]" * 2, piece=1, pause=0.3)),
        }

    def hiccups(self) -> Mapping[str, Callable[[], Case]]:
        return {
            "500": lambda: self._after(Reply(status=500), Reply(status=502)),
            "429": lambda: self._after(Reply(status=429, headers={"Retry-After": "1"})),
            "cut off before a byte": lambda: self._after(Reply(b"abc", cut_after=0)),
            "silent": lambda: self._after(Reply(announced=9)),
        }

    def _after(self, *first: Reply) -> Case:
        self.far_side.first[:] = first
        return self.healthy()


class TestFilesOfAFolder(ConnectorConformance):
    factory = FilesConnector

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.root = tmp_path
        for name, content in FILES.items():
            file = tmp_path / name
            file.parent.mkdir()
            file.write_bytes(content)

    def healthy(self) -> Case:
        context = ConnectContext(str(self.root), allowed_roots=(self.root,))
        return Case({"path": "*/{window}.csv"}, context, WINDOW, FILES)

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        unmounted = ConnectContext(str(self.root / "unmounted"), allowed_roots=(self.root,))
        return {"not there": lambda: Case({"path": "*.csv"}, unmounted, None)}


class TestFilesAtAnAddress(HttpCases, ConnectorConformance):
    factory = FilesConnector

    def answer(self, asked: Asked) -> Reply:
        content = FILES.get(asked.path.removeprefix("/base/"))
        if asked.headers.get("x-key") != SECRET:
            return Reply(status=401)
        return Reply(status=404) if content is None else Reply(content, media_type="text/csv")

    def case(self, endpoint: str) -> Case:
        options = {
            "path": ["water/{window}.csv", "noise/{window}.csv"],
            "auth": {"kind": "api_key", "secret": "portal", "header": "X-Key"},
        }
        return Case(options, http_context(endpoint), WINDOW, FILES, SECRET)


class TestRestByPage(HttpCases, ConnectorConformance):
    factory = RestConnector

    def answer(self, asked: Asked) -> Reply:
        if asked.query.get("key") != SECRET:
            return Reply(status=403)
        if asked.query["day"] != WINDOW:
            return Reply(status=404)
        page = PAGES[int(asked.query["page"]) - 1]
        return Reply(json.dumps(page).encode(), media_type="application/json", headers={"ETag": '"1"'})

    def case(self, endpoint: str) -> Case:
        options = {
            "path": "events",
            "params": {"day": "{window}"},
            "auth": {"kind": "api_key", "secret": "api", "param": "key"},
            "paging": {"kind": "page", "records": "data.records", "total_pages": "data.pages"},
        }
        bodies = {f"page-{n:06d}.json": json.dumps(page).encode() for n, page in enumerate(PAGES, 1)}
        return Case(options, http_context(endpoint), WINDOW, bodies, SECRET)


class TestRestByCursor(HttpCases, ConnectorConformance):
    factory = RestConnector

    def page(self, number: int) -> bytes:
        following = f"c{number + 1}" if number < 2 else None
        return json.dumps({"items": [{"id": number}], "next": following}).encode()

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(status=401)
        if WINDOW not in asked.path:
            return Reply(status=404)
        return Reply(self.page(int(asked.query.get("cursor", "c0")[1:])), media_type="application/json")

    def case(self, endpoint: str) -> Case:
        options = {
            "path": "noise/{window}",
            "auth": {"kind": "bearer", "secret": "api"},
            "paging": {"kind": "cursor", "next": "next", "param": "cursor"},
        }
        bodies = {f"page-{number + 1:06d}.json": self.page(number) for number in range(3)}
        return Case(options, http_context(endpoint), WINDOW, bodies, SECRET)
