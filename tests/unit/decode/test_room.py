"""Copies in the work folder: room is looked for before one is begun, where its size is known."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections import namedtuple

import pytest

from shanhai.contracts.model import CsvFormat, JsonFormat
from shanhai.errors import DiskFullError

Usage = namedtuple("Usage", "total used free")
TEXT = "日期,名\n一月,大\n"


def packed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TEXT * 50)
    return file.getvalue()


COPIES = {
    "another encoding": (TEXT.encode("gb18030"), CsvFormat(encoding="gb18030")),
    "a list inside a document": (b'{"data": [{"a": "12345678901234567890"}]}', JsonFormat(records="data")),
    "a member of a zip": (packed(), CsvFormat()),
    "an orderly copy": ((TEXT + "bad\n").encode(), CsvFormat()),
}


@pytest.mark.parametrize(("body", "stated"), COPIES.values(), ids=COPIES)
def test_a_copy_without_room_is_not_begun(decoded, monkeypatch, tmp_path, body, stated):
    decoded(body, stated, "日期", "名")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 90, 10))
    with pytest.raises(DiskFullError, match="10 bytes free"):
        decoded(body, stated, "日期", "名")
    assert list((tmp_path / "work [1]").iterdir()) == []


def test_what_needs_no_copy_needs_no_room(decoded, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 0))
    assert decoded(TEXT.encode(), CsvFormat(), "日期", "名").cells == [("一月", "大")]
