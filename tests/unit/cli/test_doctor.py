"""`shanhai doctor` makes nothing, and tells a home that is none from one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from called import calling

HOME = "home is writable"


@pytest.mark.parametrize("home", ["typo/run", "."])
def test_where_no_home_is_yet_none_is_made(capsys: pytest.CaptureFixture[str], tmp_path: Path, home: str):
    """Before the first run there is none, which is no failure."""
    code, out, error = calling(capsys, "--home", str(tmp_path / home))("doctor", "--format", "json")
    assert (code, error) == (0, "")
    states = {row["check"]: (row["state"], row["detail"]) for row in json.loads(out)}
    state, detail = states.pop(HOME)
    assert state == "none yet"
    assert detail.startswith(f"there is no home in {(tmp_path / home).resolve()}: make run, ")
    assert {state for state, _ in states.values()} == {"ok"}
    assert list(tmp_path.iterdir()) == []


def test_a_home_is_told_as_one(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "lake").mkdir()
    _, out, _ = calling(capsys, "--home", str(tmp_path))("doctor", "--format", "json")
    assert {"check": HOME, "state": "ok", "detail": str(tmp_path.resolve())} in json.loads(out)
    assert [one.name for one in tmp_path.iterdir()] == ["lake"]


def test_a_home_that_nobody_could_make_is_a_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "file").touch()
    code, out, _ = calling(capsys, "--home", str(tmp_path / "file" / "home"))("doctor", "--format", "json")
    assert code == 78
    assert [row["state"] for row in json.loads(out) if row["check"] == HOME] == ["failed"]
