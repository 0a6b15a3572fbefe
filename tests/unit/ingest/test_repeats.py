"""A hash that came before is always told, whatever else is; places of the kept ones are exact."""

from __future__ import annotations

import numpy as np
import pytest

from shanhai.ingest.repeats import Repeats


def told(repeats, hashes, size):
    return np.concatenate([repeats.take(hashes[at : at + size]) for at in range(0, len(hashes), size)])


@pytest.mark.parametrize("bits", [0, 3, 12, 20, 64])
@pytest.mark.parametrize("size", [1, 700, 8192])
def test_no_repeat_is_missed(tmp_path, bits, size):
    choose = np.random.default_rng(seed := 7 * bits + size)
    hashes = choose.integers(0, 2**64, 3000 if size == 1 else 60_000, np.uint64) & np.uint64(2**bits - 1)
    hashes[1500:2500] = hashes[500:1500]
    repeats = Repeats(tmp_path / "hashes", len(hashes))
    mask = told(repeats, hashes, size)
    kept = hashes[~mask]
    assert len(np.unique(kept)) == len(kept), seed
    if bits == 64:
        assert 1000 <= mask.sum() < 1000 + len(hashes) * 0.02, seed
    places, found = repeats.places(np.unique(hashes[mask]))
    assert kept[places].tolist() == found.tolist()
    assert set(found.tolist()) == set(kept.tolist()) & set(hashes[mask].tolist())
    assert np.fromfile(tmp_path / "hashes", np.uint64).tolist() == kept.tolist()


def test_more_rows_than_were_expected(tmp_path):
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, np.uint64)
    repeats = Repeats(tmp_path / "hashes", 1)
    assert told(repeats, np.concatenate([hashes, hashes]), 8192)[len(hashes) :].all()
