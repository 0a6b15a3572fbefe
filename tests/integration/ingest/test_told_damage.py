"""What a library says of a place that it cannot read or write is told in our words."""

from __future__ import annotations

from pathlib import Path

from shanhai.errors import StoreError
from shanhai.storage.disk import library_error
from shanhai.warehouse.damage import unreadable


def test_a_log_without_a_commit_is_no_damage(tmp_path: Path) -> None:
    """A full disk leaves such a folder where a table was to be made: there is no file to put back."""
    (tmp_path / "_delta_log").mkdir()
    assert type(unreadable(tmp_path, OSError("No space left on device"))) is StoreError


def test_a_library_that_may_not_write_is_told_in_our_words() -> None:
    raw = 'IO Error: Cannot open file "/home/x/scratch/y": Permission denied'
    told = library_error("DuckDB could not read or write", OSError(raw), given="/home/x")
    assert (told.given, "IO Error" in str(told)) == ("Permission denied", False)
    assert told.allowed == "a folder that this user may read and write"
    assert told.hint
