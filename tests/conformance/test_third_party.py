"""A package of somebody else brings a connector: it is found, checked, and passes the suite."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from shanhai.cli import main
from shanhai.connect.conformance import Case, ConnectorConformance
from shanhai.connect.protocol import Connector
from shanhai.connect.registry import connector, installed
from tests.conformance.far_side import Asked, Reply
from tests.conformance.http_cases import SECRET, HttpCases, http_context

PACKAGE = Path(__file__).parent / "third_party" / "shanhai_gauges.py"
WINDOW = "2024-03-01"
FILES = {f"east/{WINDOW}.csv": b"at,level_cm\n" * 500, f"west/{WINDOW}.csv": b"at,level_cm\n"}
ENTRY = "[shanhai.connectors]\ngauges = shanhai_gauges:GaugesConnector\n"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as an installer leaves it: its module, and what it says of itself."""
    folder = tmp_path / "site-packages"
    facts = folder / "shanhai_gauges-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: shanhai-gauges\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY)
    shutil.copy(PACKAGE, folder)
    monkeypatch.syspath_prepend(folder)
    return folder


class TestGauges(HttpCases, ConnectorConformance):
    files: Mapping[str, bytes] = FILES

    def connector(self, case: Case) -> Connector:
        return connector("gauges")(case.options, case.context)

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(status=401)
        path = asked.path.removeprefix("/base/")
        if path.endswith("/index.txt"):
            return Reply(f"2024-02-29\n{WINDOW}\n".encode(), media_type="text/plain")
        if path not in self.files:
            return Reply(status=404)
        return Reply(self.files[path], media_type="text/csv")

    def case(self, endpoint: str) -> Case:
        options = {"stations": ["east", "west"], "auth": {"kind": "bearer", "secret": "gauges"}}
        return Case(options, http_context(endpoint), WINDOW, self.files, SECRET)

    def changed(self) -> Case:
        self.files = {name: content + b"1,2\n" for name, content in FILES.items()}
        return self.healthy()

    def empty(self) -> Case:
        self.files = dict.fromkeys(FILES, b"")
        return self.healthy()


def test_it_is_found_beside_ours() -> None:
    assert {"files", "gauges", "rest"} <= {point.name for point in installed()}


def test_another_process_finds_it(package: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from shanhai.cli import main; main(['connectors'])"],
        env={"PYTHONPATH": str(package), "PATH": "", "HOME": str(package)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "gauges" in told.stdout


def declare(root: Path, options: dict[str, object]) -> None:
    folder = root / "districts" / "acity"
    folder.mkdir(parents=True)
    (folder / "district.yml").write_text(
        "name: acity\ntitle: A city\nendpoints: {data: 'https://a.example'}\n"
    )
    properties = {
        "level": "district",
        "shareClass": "conditional",
        "source": {"connector": "gauges", "endpoint": "data", "options": options},
        "format": {"kind": "csv"},
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:levels",
        "name": "levels",
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": "levels",
                "logicalType": "object",
                "properties": [{"name": "at", "logicalType": "string"}],
            }
        ],
        "customProperties": [{"property": key, "value": value} for key, value in properties.items()],
    }
    (folder / "levels.odcs.yml").write_text(yaml.safe_dump(document))


def test_its_options_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(tmp_path, {"stations": ["east"], "rate": {"requests": 5, "per_seconds": 1}})
    assert main(["--federation", str(tmp_path), "contract", "check"]) == 0
    assert "all right" in capsys.readouterr().err


def test_its_wrong_options_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(tmp_path, {"station": "east"})
    assert main(["--federation", str(tmp_path), "contract", "check", "--format", "json"]) == 78
    told = capsys.readouterr().out
    assert "connector gauges" in told
    assert "levels.odcs.yml" in told
    assert "stations" in told
