"""The connector `files` keeps the promises of the protocol, against folders and far sides that fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from connectors.files import FilesConnector
from shanhai.connect.conformance import Case, ConnectorConformance
from shanhai.connect.protocol import ConnectContext
from tests.conformance.far_side import Asked, Reply
from tests.conformance.http_cases import SECRET, HttpCases, http_context

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

    def faults(self) -> Mapping[str, Callable[[], Case]]:
        unmounted = ConnectContext(str(self.root / "unmounted"), allowed_roots=(self.root,))
        return {"not there": lambda: Case({"path": "*.csv"}, unmounted, None)}


class TestFilesAtAnAddress(HttpCases, ConnectorConformance):
    factory = FilesConnector

    def answer(self, asked: Asked) -> Reply:
        content = FILES.get(asked.path.removeprefix("/base/"))
        if asked.headers.get("x-key") != SECRET:
            return Reply(status=401)
        if content is None:
            return Reply(status=404)
        etag = f'"{hash(content)}"'
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers={"ETag": etag})
        return Reply(content, media_type="text/csv", headers={"ETag": etag})

    def conditional(self) -> Case:
        return self.healthy()

    def case(self, endpoint: str) -> Case:
        options = {
            "path": ["water/{window}.csv", "noise/{window}.csv"],
            "auth": {"kind": "api_key", "secret": "portal", "header": "X-Key"},
        }
        return Case(options, http_context(endpoint), WINDOW, FILES, SECRET)
