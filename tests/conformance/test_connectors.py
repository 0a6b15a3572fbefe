"""The connector `files` keeps the promises of the protocol, against folders and far sides that fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.files import FilesConnector
from shanhai.connect.conformance import Case, ConnectorConformance, Moving
from shanhai.connect.protocol import ConnectContext
from tests.conformance.far_side import Asked, Reply
from tests.conformance.http_cases import SECRET, HttpCases, http_context
from tests.conformance.rows import arrivals

WINDOW = "2024-03-01"
LARGE = random.Random(1).randbytes(300_000)
FILES = {f"water/{WINDOW}.csv": "水表编号,读数\n".encode("gb18030"), f"noise/{WINDOW}.csv": LARGE}


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

    def empty(self) -> Case:
        for name in FILES:
            (self.root / name).write_bytes(b"")
        return replace(self.healthy(), bodies=dict.fromkeys(FILES, b""))

    def growing(self) -> Moving:
        arriving = arrivals(lambda name, content: (self.root / name).write_bytes(content), FILES)
        return Moving(self.healthy(), arriving, frozenset(FILES))

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        unmounted = ConnectContext(str(self.root / "unmounted"), allowed_roots=(self.root,))
        return {"not there": lambda: Case({"path": "*.csv"}, unmounted, None)}


class TestFilesAtAnAddress(HttpCases, ConnectorConformance):
    factory = FilesConnector

    @pytest.fixture(autouse=True)
    def published(self) -> None:
        self.files = dict(FILES)

    def answer(self, asked: Asked) -> Reply:
        content = self.files.get(asked.path.removeprefix("/base/"))
        if asked.headers.get("x-key") != SECRET:
            return Reply(status=401)
        if content is None:
            return Reply(status=404)
        return Reply(content, media_type="text/csv")

    def changed(self) -> Case:
        self.files = {name: content[::-1] for name, content in FILES.items()}
        return self.healthy()

    def empty(self) -> Case:
        self.files = dict.fromkeys(FILES, b"")
        return self.healthy()

    def test_a_body_that_was_cut_is_asked_for_from_there_on(self) -> None:
        self.collected(self.cut_midway())
        assert self.resumed == 1

    def case(self, endpoint: str) -> Case:
        options = {
            "path": ["water/{window}.csv", "noise/{window}.csv"],
            "auth": {"kind": "api_key", "secret": "portal", "header": "X-Key"},
        }
        return Case(options, http_context(endpoint), WINDOW, self.files, SECRET)
