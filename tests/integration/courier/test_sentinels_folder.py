"""No name, path or content of an application is found outside of its folder; careless ones are."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest
from pyarrow.parquet import encryption
from seller import Seller
from stored_release import Stored, Told, leave_plaintext, told_by

from shanhai.courier import sealing

NAME = "mishixiang_board_0423"
PATHS = ["上塘路的脚本", "sentinel-path-0423.txt"]
CONTENTS = ["张三的病历在此", "sentinel-content-0423"]
WORDS = [NAME, *PATHS, *CONTENTS]
PATH, CONTENT = 0, 3
"""Columns of an application's rows."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application of two files."""
    made = tmp_path / "application"
    (made / PATHS[0]).mkdir(parents=True)
    (made / PATHS[0] / "run.sh").write_text(f"#!/bin/sh\necho {CONTENTS[0]}\n" * 20)
    (made / PATHS[1]).write_text(f"{CONTENTS[1]}\n" * 200)
    return made


@pytest.fixture
def stored(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> Stored:
    seller.grant(subject=NAME, columns=None)
    return Stored(seller, monkeypatch)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Told:
    return Told(caplog, capfd)


def looks(stored: Stored, told: Told) -> dict[str, list[str]]:
    """What is found, by where it was looked for."""
    return told_by({**stored.seen(), **told.seen()}, WORDS)


def test_nothing_of_an_application_is_told_on_its_way(stored: Stored, told: Told, folder: Path):
    stored.ship(subject=NAME, folder=folder)
    rows = stored.seller.arrive(stored.seller.messages()[-1]).rows("path", "content")
    assert sorted(rows) == sorted(
        (path.relative_to(folder).as_posix(), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    )
    assert min(len(stored.seen()[place]) for place in ("relay", "outgoing", "written")) > 4096
    assert looks(stored, told) == {}

    for place in stored.places.values():
        (place / NAME).mkdir(parents=True)
        (place / NAME / "planted").write_text(" ".join([*PATHS, *CONTENTS]))
    stored.written += " ".join(WORDS).encode("utf-16-le")
    logging.getLogger("shanhai.courier.scheduled").debug("released %s", WORDS)
    print(WORDS)
    assert looks(stored, told) == dict.fromkeys((*stored.places, "written", "log", "printed"), WORDS)


@pytest.mark.parametrize(("column", "words"), [(PATH, PATHS), (CONTENT, CONTENTS)], ids=["path", "content"])
def test_a_column_that_was_left_plaintext_is_found_where_it_went(
    stored: Stored, told: Told, folder: Path, column: int, words: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encryption, "EncryptionConfiguration", partial(leave_plaintext, column))
    with pytest.raises(sealing.SealingError):
        stored.ship(subject=NAME, folder=folder)
    assert "relay" not in looks(stored, told)
    monkeypatch.setattr(sealing, "_check", lambda *_: None)
    stored.ship(subject=NAME, folder=folder)
    assert looks(stored, told) == dict.fromkeys(("written", "relay", "outgoing"), words)
