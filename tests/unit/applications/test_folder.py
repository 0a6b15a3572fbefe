"""A folder is written as its rows say, below one new folder, or refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.applications.folder import write_folder
from shanhai.errors import StoreError
from shanhai.exchange.failures import Refused
from shanhai.exchange.folders import PART_BYTES, Listed, Part
from shanhai.exchange.listings import listing_digest, listing_of

FILES = {"a/b/c.txt": b"deep", "run.sh": b"#!/bin/sh\n", "two.bin": b"x" * (PART_BYTES + 1)}


def listing() -> list[Listed]:
    return [
        Listed(path, len(content), hashlib.sha256(content).hexdigest()) for path, content in FILES.items()
    ]


def rows() -> Iterator[Part]:
    for path, content in FILES.items():
        mode = 0o755 if path.endswith(".sh") else 0o644
        for number, start in enumerate(range(0, len(content), PART_BYTES)):
            yield Part(path, mode, number, content[start : start + PART_BYTES])


def test_files_are_written_whole_with_their_modes_whatever_the_umask(tmp_path: Path):
    before = os.umask(0o077)
    try:
        write_folder(listing(), rows(), tmp_path / "new")
    finally:
        os.umask(before)
    assert {path: (tmp_path / "new" / path).read_bytes() for path in FILES} == FILES
    assert (tmp_path / "new" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "new" / "two.bin").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path):
    with pytest.raises(StoreError):
        write_folder(listing(), rows(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_is_missing_is_refused(tmp_path: Path):
    with pytest.raises(Refused, match="part-missing"):
        write_folder(listing(), list(rows())[:-1], tmp_path / "new")


def test_the_listing_of_rows_is_the_one_that_was_promised():
    assert list(listing_of(rows(), listing_digest(listing()))) == listing()
    with pytest.raises(Refused, match="content-digest-wrong"):
        listing_of(rows(), "0" * 64)


def test_rows_in_another_order_or_out_of_the_folder_have_no_listing():
    with pytest.raises(Refused, match="part-reordered"):
        listing_of(reversed(list(rows())), listing_digest(listing()))
    with pytest.raises(Refused, match="path-wrong"):
        listing_of([Part("../x", 0o644, 0, b"")], "0" * 64)
    with pytest.raises(Refused, match="path-twice"):
        listing_of([*rows(), Part("run.sh", 0o755, 0, b"again")], "0" * 64)


def test_the_digest_of_a_listing_is_that_of_its_lines():
    lines = "".join(
        f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n" for path, content in FILES.items()
    )
    assert listing_digest(listing()) == hashlib.sha256(lines.encode()).hexdigest()
