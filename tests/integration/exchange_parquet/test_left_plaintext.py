"""Each check of a sealed file fails on a file with one column left plaintext, also where it stands alone."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from refusals import code_of
from sealing import SET, Sealed, careless, sealed, some

from shanhai.exchange.parquet import decrypt
from shanhai.exchange.parquet.decrypt import Declared, read_granted
from shanhai.exchange.parquet.footer import read_footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.parquet.walk import walk

TABLE = pa.table({"c0000": [f"value {n}" for n in range(100)], "c0001": list(range(100))})
GOOD = sealed(TABLE)
WRITES = {
    "zstd": {},
    "bare": {"compression": "none", "use_dictionary": False, "write_statistics": False},
    "no-index": {"write_page_index": False, "write_statistics": False},
}


def left_plaintext(how: str, left: int = 1) -> Sealed:
    """The same table, of which one column has no key."""
    return careless(TABLE, column_keys={str(1 - left): [f"c000{1 - left}"]}, write=WRITES[how])


def read(made: Sealed, keys: KeyHolder, *columns: str) -> int:
    content = made.only
    declared = Declared(100, GOOD.files[0].decoded, GOOD.columns)
    granted = read_granted(io.BytesIO(content), len(content), keys, columns=columns, declared=declared)
    return sum(batch.num_rows for batch in granted.batches)


@pytest.mark.parametrize("how", WRITES)
@pytest.mark.parametrize("left", [0, 1])
def test_the_walk_and_the_reader_refuse_it(how: str, left: int):
    bad = left_plaintext(how, left)
    file = io.BytesIO(bad.only)
    assert code_of(walk, file, len(bad.only), KeyHolder(bad.keys)) == "plaintext-column"
    assert code_of(read, bad, KeyHolder(bad.keys), "c0000") == "plaintext-column"


def test_every_byte_between_the_magics_belongs_to_a_module():
    """Bytes that only look like a module, which the chain of lengths cannot tell."""
    end = outline(io.BytesIO(GOOD.only), len(GOOD.only)).modules_end
    plain = b"a plaintext page of a column nobody named"
    content = GOOD.only[:end] + len(plain).to_bytes(4, "little") + plain + GOOD.only[end:]
    outline(io.BytesIO(content), len(content))
    assert code_of(walk, io.BytesIO(content), len(content), KeyHolder(GOOD.keys)) == "plaintext-column"
    walk(io.BytesIO(GOOD.only), len(GOOD.only), KeyHolder(GOOD.keys))


@pytest.mark.parametrize("columns", [("0",), ("1",), ("0", "1")])
def test_reading_a_column_asks_for_its_key_and_no_other(columns: tuple[str, ...]):
    keys = some(GOOD.keys, "f", *columns)
    assert read(GOOD, keys, *(f"c000{n}" for n in columns)) == 100
    assert set(keys.asked) == {f"{SET}.{place}" for place in ("f", *columns)}


@pytest.mark.parametrize("how", WRITES)
def test_a_key_that_nobody_asks_for_is_noticed(how: str, monkeypatch: pytest.MonkeyPatch):
    """Without the checks before it, of outline and footer: they believe this file to be the good one."""
    shown = outline(io.BytesIO(GOOD.only), len(GOOD.only))
    footer = read_footer(io.BytesIO(GOOD.only), shown, KeyHolder(GOOD.keys))
    monkeypatch.setattr(decrypt, "outline", lambda *_: shown)
    monkeypatch.setattr(decrypt, "read_footer", lambda *_: footer)
    assert read(GOOD, KeyHolder(GOOD.keys), "c0000", "c0001") == 100
    bad, keys = left_plaintext(how), KeyHolder(GOOD.keys)
    assert code_of(read, bad, keys, "c0000", "c0001") == "plaintext-column"
    assert f"{SET}.1" not in keys.asked
    assert read(bad, KeyHolder(bad.keys), "c0000") == 100
