"""A file where a person says: there whole and for good, or not at all, and never in the place of another."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shanhai.errors import ConfigurationError, DiskFullError
from shanhai.storage.durable import write_new


def test_it_is_there_for_good_and_over_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[bool] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: (synced.append(Path(f"/proc/self/fd/{file}").is_dir()), real(file))
    )
    write_new(tmp_path / "event.json", b"proof")
    assert synced == [False, True], "the file, then its name"
    with pytest.raises(ConfigurationError, match="there is a file already"):
        write_new(tmp_path / "event.json", b"another")
    assert (tmp_path / "event.json").read_bytes() == b"proof"


def test_nothing_is_left_of_what_finds_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError):
        write_new(tmp_path / "event.json", b"proof")
    assert list(tmp_path.iterdir()) == []
