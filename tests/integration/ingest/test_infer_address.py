"""A draft from an address: asked through its connector, no secret of it in the draft."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from visit_sample import PERSON, ROWS, objects

from shanhai.cli import main


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the test tells what it asked for."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Files, directory=str(tmp_path / "data"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("connector", ["address", "rest"])
def test_an_address_is_asked_through_its_connector(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str], connector: str
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "visits.json").write_text(json.dumps({"rows": objects()}), encoding="utf-8")
    asked = [f"{address}/visits.json"]
    if connector == "rest":
        asked = [address, "--connector", "rest", "--options", "{path: visits.json}"]
    called = ["--home", str(tmp_path / "home"), "contract", "infer", *asked, "--format", "json"]
    assert main(called) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == ROWS
    assert found["broken"] == {}
    assert found["format"]["records"] == "rows"
    assert f"'{address}'" in found["contract"]
    assert PERSON not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/a?token=abc123",
        "HTTP://127.0.0.1:9/a?n=1&app_Key=abc123",
        "http://127.0.0.1:9/a?appSecret=abc123",
        "http://127.0.0.1:9/a?key=abc123",
        "http://127.0.0.1:9/a?n=1&sign=abc123",
        "http://u:abc123@[::1]:9/a",
    ],
)
def test_no_secret_of_an_address_enters_a_draft(address: str, capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", address]) == 78
    told = capsys.readouterr()
    assert "auth" in told.err
    assert "abc123" not in told.out + told.err
