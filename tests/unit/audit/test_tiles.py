"""Tiles lie where C2SP tlog-tiles says; its own examples."""

from __future__ import annotations

from collections import Counter

import pytest

from shanhai.audit.tiles import Tile, bundle, partial_at, tiles


def test_seventy_thousand_leaves_are_the_tiles_of_the_specification():
    made = Counter((tile.level, tile.width) for tile in tiles(70_000))
    assert made == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}


def test_256_leaves_are_a_full_tile_and_one_above_it():
    assert [tile.path for tile in tiles(256)] == ["tile/0/000", "tile/1/000.p/1"]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067, 256), "tile/0/x001/x234/067"),
        (Tile(3, 0, 7), "tile/3/000.p/7"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
    ],
)
def test_paths(tile: Tile, path: str):
    assert tile.path == path


def test_a_path_of_a_partial_tile_tells_which_it_is():
    for tile in (Tile(0, 0, 17), Tile(1, 1234067, 255)):
        assert partial_at(tile.path) == tile
    assert partial_at(Tile(0, 5, 3).entries_path) == Tile(0, 5, 3)
    for path in (
        "tile/0/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/003",
        "tile/0/x000/001.p/1",
    ):
        assert partial_at(path) is None, path


def test_only_what_is_new_is_told():
    for known in (0, 1, 255, 256, 300, 511):
        before = set(tiles(known))
        for size in (known + 1, known + 256, 70_000):
            assert set(tiles(size, known)) == set(tiles(size)) - before


def test_entries_are_behind_their_lengths():
    assert bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
