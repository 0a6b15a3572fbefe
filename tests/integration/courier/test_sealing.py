"""Before anything is signed, each column is opened with its own key alone, and with all but that.

The walk over a file would refuse what is shown here too; here it is believed to have found nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from sealing import SET, Sealed, careless, sealed

from shanhai.courier import sealing
from shanhai.courier.sealing import Draft, SealingError
from shanhai.exchange.parquet.footer import Footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.walk import Walked, walk

TABLE = pa.table({"c0000": [f"value {n}" for n in range(100)], "c0001": list(range(100))})
GOOD = sealed(TABLE)
FOOTER = walk(io.BytesIO(GOOD.only), len(GOOD.only), KeyHolder(GOOD.keys)).footer


def under(*key_ids: str) -> Footer:
    """The footer of the good file, in which the columns say that they are under other keys."""
    materials = {chunk.material.key_id: chunk.material for chunk in FOOTER.chunks}
    chunks = zip(FOOTER.chunks, key_ids, strict=True)
    return replace(FOOTER, chunks=tuple(replace(one, material=materials[key_id]) for one, key_id in chunks))


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Prove a file of which the walk has seen a footer."""

    def call(made: Sealed, footer: Footer) -> None:
        monkeypatch.setattr(sealing, "walk", lambda *_: Walked(footer, opened=1, only_counted=0))
        (tmp_path / "file").write_bytes(made.only)
        (file,) = made.files
        sealing._check(tmp_path / "file", file, Draft(SET, GOOD.columns, (file,), GOOD.keys))

    return call


def test_a_good_file_passes(check):
    check(GOOD, FOOTER)


@pytest.mark.parametrize("left", [0, 1])
def test_a_column_that_was_left_plaintext_is_noticed(check, left: int):
    other = 1 - left
    bad = careless(TABLE, column_keys={str(other): [f"c000{other}"]})
    with pytest.raises(SealingError, match="read without its key") as error:
        check(bad, FOOTER)
    assert error.value.given == f"c000{left}"


@pytest.mark.parametrize(
    ("column_keys", "seen"),
    [
        ({"0": ["c0001"], "1": ["c0000"]}, (f"{SET}.1", f"{SET}.0")),
        ({"0": ["c0000", "c0001"]}, (f"{SET}.0", f"{SET}.0")),
        ({"1": ["c0000", "c0001"]}, (f"{SET}.1", f"{SET}.1")),
    ],
)
def test_a_column_under_the_key_of_another_does_not_open(
    check, column_keys: dict[str, list[str]], seen: Sequence[str]
):
    bad = careless(TABLE, column_keys=column_keys)
    with pytest.raises(SealingError, match="does not open"):
        check(bad, under(*seen))


def test_a_column_that_opens_under_two_keys_is_noticed(check):
    """As where each of its row groups has another key, and only the first is opened."""
    both = replace(FOOTER, chunks=(*FOOTER.chunks, under(f"{SET}.1", f"{SET}.1").chunks[0]))
    with pytest.raises(SealingError, match="opens under the keys of others") as error:
        check(GOOD, both)
    assert error.value.given == "c0000"
