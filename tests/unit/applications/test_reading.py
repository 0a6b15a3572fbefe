"""A folder that no recipient would take is told to whoever would send it, by its path and the rule."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from shanhai.applications import reading
from shanhai.applications.reading import read_contents
from shanhai.errors import ConfigurationError
from shanhai.exchange import folder_paths
from shanhai.exchange.folder_paths import MOST_NAMES


def made(folder: Path, *paths: str) -> Path:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"content")
    return folder


def test_a_folder_within_the_limits_is_read(tmp_path: Path):
    deep = "a/" * (MOST_NAMES - 1) + "a"
    assert [one.path for one in read_contents(made(tmp_path, "z", deep)).listing] == [deep, "z"]


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("a/" * MOST_NAMES + "a", "path-wrong (deep)"),
        ("docs/nul.txt", "path-wrong (windows)"),
        ("README", "path-twice (path)"),
    ],
)
def test_a_path_that_does_not_cross_is_named(tmp_path: Path, path: str, rule: str):
    with pytest.raises(ConfigurationError) as error:
        read_contents(made(tmp_path, "docs/a", "readme", path))
    assert rule in error.value.message
    assert error.value.given in (path, "readme")


def test_what_is_not_seen_is_told_so_that_it_is(tmp_path: Path):
    with pytest.raises(ConfigurationError) as error:
        read_contents(made(tmp_path, "a\u202etxt.py"))
    assert error.value.given == r"'a\u202etxt.py'"


@pytest.mark.parametrize(
    ("place", "name", "most", "rule"),
    [(folder_paths, "MOST_FOLDERS", 2, "folders"), (reading, "MOST_BYTES", 13, "bytes")],
)
def test_a_folder_beyond_a_limit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: ModuleType, name: str, most: int, rule: str
):
    folder = made(tmp_path, "a/b/one", "c/two")
    assert len(read_contents(folder).listing) == 2
    monkeypatch.setattr(place, name, most)
    with pytest.raises(ConfigurationError, match=rf"too-many-files .{rule}."):
        read_contents(folder)
