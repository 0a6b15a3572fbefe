"""Every hundredth commit makes a checkpoint as well; one that finds no room takes nothing back."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from plain_state import read_table
from small_disk import LimitedFiles

from shanhai.errors import DiskFullError
from shanhai.warehouse.lake import Change, LakeTable

NOW = datetime(2024, 3, 1, tzinfo=UTC)
FIRST_CHECKPOINT = 99
ROOM = 4096


def test_a_commit_whose_checkpoint_finds_no_room_stands(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = LakeTable.create(tmp_path, pa.schema([("a", pa.int64())]), name="t")
    for number in range(FIRST_CHECKPOINT - 1):
        table.commit(Change(facts={"entries": [number]}), at=NOW)
        table = LakeTable.open(tmp_path)
    disk = LimitedFiles(tmp_path)
    disk.leave(16)
    try:
        with pytest.raises(DiskFullError):
            table.commit(Change(facts={"entries": ["no"]}), at=NOW)
        disk.leave(ROOM)
        with caplog.at_level(logging.WARNING, logger="shanhai"):
            assert table.commit(Change(facts={"entries": ["yes"]}), at=NOW) == FIRST_CHECKPOINT
    finally:
        disk.clear()
    assert "checkpoint outcome=failed" in caplog.text
    assert LakeTable.open(tmp_path).version == FIRST_CHECKPOINT
    assert read_table(tmp_path).facts[FIRST_CHECKPOINT]["entries"] == ["yes"]
