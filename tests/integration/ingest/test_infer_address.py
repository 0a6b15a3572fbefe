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
from shanhai.ingest.infer.given import address_of


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


SECRETS = (
    *("secret_key", "secretKey", "SECRETKEY", "private_key", "auth_key", "client_key", "user_key", "api.key"),
    *("app_secret_key", "subscription-key", "Ocp-Apim-Subscription-Key", "APIKey", "apikey", "accesskey"),
    *("sessionToken", "refreshToken", "userToken", "token2", "X-Amz-Security-Token", "X-Amz-Credential"),
    *("credentials", "passphrase", "pass", "PWD", "userPassword", "jwt", "session", "jsessionid", "sid"),
    *("ticket", "auth_sig", "ak", "密钥", "sort_key"),
)
PLAIN = ("page", "$where", "keyword", "key_figure", "monkey", "passenger", "design", "authority", "area_code")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/a?token=abc123",
        "HTTP://127.0.0.1:9/a?n=1&app_Key=abc123",
        "http://127.0.0.1:9/a?appSecret=abc123",
        "http://127.0.0.1:9/a?key=abc123",
        "http://127.0.0.1:9/a?n=1&sign=abc123",
        "http://127.0.0.1:9/a?n=1;token=abc123",
        *(f"http://127.0.0.1:9/a?n=1&{name}=abc123" for name in SECRETS),
        "http://u:abc123@[::1]:9/a",
    ],
)
def test_no_secret_of_an_address_enters_a_draft(address: str, capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", address]) == 78
    told = capsys.readouterr()
    assert "auth" in told.err
    assert "abc123" not in told.out + told.err


def test_what_is_no_secret_is_told_how_to_be_asked_for(capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", "http://127.0.0.1:9/a?sort_key=id"]) == 78
    assert "if it is no secret, '{path: …, params: {sort_key: …}}'" in capsys.readouterr().err


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_parameter_is_asked_with(name: str):
    connector, endpoint, options = address_of(f"http://127.0.0.1:9/v1/a?{name}=1")
    assert (connector, endpoint) == ("rest", "http://127.0.0.1:9/v1")
    assert options == {"path": "a", "params": {name: "1"}}
