"""Which connectors there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shanhai.connect.registry import connector, installed
from shanhai.errors import ConfigurationError

REPOSITORY = Path(__file__).resolve().parents[3]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, entry: str, code: str = "") -> None:
    """A package with one entry point, as an installer would leave it."""
    facts = folder / "far_package-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: far-package\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[shanhai.connectors]\n{entry}\n")
    (folder / "far_package.py").write_text(code)
    monkeypatch.syspath_prepend(folder)


def test_ours_are_there() -> None:
    assert {"files", "rest"} <= {point.name for point in installed()}
    assert connector("rest").options_model.model_fields["path"]


def test_an_unknown_one_is_told_with_those_that_are_there() -> None:
    with pytest.raises(ConfigurationError, match=r"no such connector; given: ftp; allowed: ckan, files"):
        connector("ftp")


def test_a_package_adds_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "far = far_package:Far", "class Far: ...")
    assert connector("far").__name__ == "Far"  # type: ignore[attr-defined]


def test_a_package_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "broken = far_package:Absent")
    with pytest.raises(ConfigurationError, match=r"broken cannot be loaded; given: far_package:Absent"):
        connector("broken")


def test_one_name_for_two_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "files = far_package:Far", "class Far: ...")
    with pytest.raises(ConfigurationError, match="two connectors are called files"):
        connector("rest")


def test_names_cost_no_import_of_the_http_library() -> None:
    code = "import sys, shanhai.connect.registry as r; r.installed(); print('httpx' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "False"
