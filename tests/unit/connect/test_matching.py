"""Globs of servers and buckets mean what globs of a folder mean."""

from __future__ import annotations

import glob
import random
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest

from shanhai.connect.tree.matching import Entry, fixed_folder, matches, walk

NAMES = (
    "a.csv", "b.csv", ".hidden.csv", "数 据.csv", "b/1.csv", "b/2.txt", "b/c/1.csv", "b/c/d/x.csv",
    ".h/1.csv", "b/.h/1.csv", "x[1].csv", "b/c.csv/1.csv",
)  # fmt: skip
PATTERNS = (
    "*.csv", "*", "b/*.csv", "*/*.csv", "**/*.csv", "b/**/*.csv", "b/**", "**", "[ab].csv", "?.csv", ".*.csv",
    "b/c/*", "none/*.csv", "*/c/*.csv", "**/c/**/*.csv", "a.csv", "b", "数*.csv", "[!a].csv", "x[[]1].csv",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path


def by_glob(folder: Path, pattern: str) -> list[str]:
    found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    return sorted({PurePosixPath(name).as_posix() for name in found if (folder / name).is_file()})


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_walk_and_a_list_find_what_a_glob_finds(folder: Path, pattern: str) -> None:
    def listing(path: str) -> Iterable[Entry]:
        here = folder / path
        return [Entry(one.name, one.is_dir()) for one in here.iterdir()] if here.is_dir() else []

    expected = by_glob(folder, pattern)
    assert walk(pattern, listing) == expected
    assert sorted(name for name in NAMES if matches(pattern, name)) == expected


def test_random_patterns_find_what_a_glob_finds(folder: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(300):
        folders = chance.choices(["*", "**", "b", "c", "?", ".h", "[bc]*"], k=chance.randint(0, 3))
        pattern = "/".join([*folders, chance.choice(["*", "*.csv", "1.csv", "?.*", "[bc]*"])])
        assert sorted(name for name in NAMES if matches(pattern, name)) == by_glob(folder, pattern), pattern


@pytest.mark.parametrize(
    ("pattern", "folder_asked"),
    [("a/b/*/c.csv", "a/b"), ("a.csv", ""), ("a/b.csv", "a"), ("**/b.csv", ""), ("a/[b]/c", "a")],
)
def test_only_the_folder_that_is_spelt_is_listed(pattern: str, folder_asked: str) -> None:
    assert fixed_folder(pattern) == folder_asked
