"""How many files and folders may cross is counted as they come, whatever comes behind the limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shanhai.exchange import folder_paths
from shanhai.exchange.failures import Refused
from shanhai.exchange.folder_paths import MOST_FOLDERS, MOST_NAMES, MOST_PATH_BYTES, Beside
from shanhai.exchange.folders import Part
from shanhai.exchange.listings import listing_of


def test_as_many_folders_as_may_be_and_no_more():
    beside, above = Beside(), MOST_NAMES - 1
    for number in range(MOST_FOLDERS // above):
        beside.add(f"{number:04d}/" + "a/" * (above - 1) + "a")
    for number in range(MOST_FOLDERS % above):
        beside.add(f"more {number}/a")
    beside.add("0000/another")
    with pytest.raises(Refused, match="too-many-files") as refused:
        beside.add("last/a")
    assert refused.value.field == "folders"


def test_as_many_files_as_may_be_and_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder_paths, "MOST_FILES", 3)
    beside = Beside()
    for name in "abc":
        beside.add(name)
    with pytest.raises(Refused, match="too-many-files") as refused:
        beside.add("d")
    assert refused.value.field == "files"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("a/" * MOST_NAMES + "a", "path-wrong"),
        ("a" * (MOST_PATH_BYTES + 1), "path-wrong"),
        ("0001/" * 2 + "a", "path-twice"),
    ],
)
def test_no_row_is_taken_after_the_one_that_breaks_a_rule(wrong: str, code: str):
    def rows() -> Iterator[Part]:
        yield Part("0001/0001", 0o644, 0, b"")
        yield Part(wrong, 0o644, 0, b"")
        # Its file is whole when the next one comes.
        yield Part("z", 0o644, 0, b"")
        raise AssertionError("one more was taken")

    with pytest.raises(Refused, match=code):
        listing_of(rows(), "0" * 64)
