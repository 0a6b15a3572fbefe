"""A walk notices every byte, and each of its checks fails on a file that lacks what it checks."""

from __future__ import annotations

import io
import random

import pyarrow as pa
import pytest
from sealing import SET, careless, keks, sealed, some

from shanhai.exchange.failures import Refused, Stage
from shanhai.exchange.parquet import outline as outer
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.footer import read_footer
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.outline import Outline, outline
from shanhai.exchange.parquet.profile import MOST_MODULES
from shanhai.exchange.parquet.walk import walk

TABLE = pa.table(
    {"name": [f"name {n}" for n in range(50)], "n": list(range(50)), "l": [[n] for n in range(50)]}
)
GOOD = sealed(TABLE)


def walked(content: bytes, keys: KeyHolder, *, whole: bool = True):
    return walk(io.BytesIO(content), len(content), keys, whole=whole)


def test_all_keys_open_every_module():
    seen = walked(GOOD.only, KeyHolder(GOOD.keys))
    assert (seen.footer.rows, seen.footer.columns, seen.only_counted) == (50, 3, 0)
    # The footer, and for each column: metadata, two indexes, a dictionary and a page, each with its header.
    assert seen.opened == 1 + 3 * (1 + 2 + 2 + 2)
    shown = outline(io.BytesIO(GOOD.only), len(GOOD.only))
    # Metadata of columns lie within the footer's module.
    assert shown.modules == seen.opened - 1 - 3


def test_modules_are_counted_only_up_to_a_limit(monkeypatch: pytest.MonkeyPatch):
    """Without any key, a file of tiny modules would be half a minute of counting."""
    shown = outline(io.BytesIO(GOOD.only), len(GOOD.only))
    monkeypatch.setattr(profile, "MOST_MODULES", shown.modules)
    assert outline(io.BytesIO(GOOD.only), len(GOOD.only)) == shown
    monkeypatch.setattr(profile, "MOST_MODULES", shown.modules - 1)
    with pytest.raises(Refused) as refused:
        outline(io.BytesIO(GOOD.only), len(GOOD.only))
    assert refused.value.code == "too-many-modules"
    assert MOST_MODULES <= 1 << 20


def test_some_keys_open_their_modules_and_count_the_rest():
    keys = some(GOOD.keys, "f", "1")
    seen = walked(GOOD.only, keys, whole=False)
    assert seen.opened == 1 + 7
    assert seen.only_counted == 2 * 6
    assert set(keys.asked) == {f"{SET}.f", f"{SET}.1"}


def test_the_sender_needs_all_keys():
    with pytest.raises(Refused) as refused:
        walked(GOOD.only, some(GOOD.keys, "f", "1"))
    assert refused.value.code == "key-not-held"


def test_no_byte_may_be_another():
    for at in range(len(GOOD.only)):
        content = bytearray(GOOD.only)
        content[at] ^= 0x01
        with pytest.raises(Refused):
            walked(bytes(content), KeyHolder(GOOD.keys))


def test_no_end_may_be_missing_and_nothing_may_follow():
    for size in range(0, len(GOOD.only), 7):
        with pytest.raises(Refused):
            walked(GOOD.only[:size], KeyHolder(GOOD.keys))
    with pytest.raises(Refused):
        walked(GOOD.only + b"\0", KeyHolder(GOOD.keys))


def test_bytes_of_a_stranger_are_refused_and_nothing_else():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    end = outline(io.BytesIO(GOOD.only), len(GOOD.only)).modules_end
    for _ in range(1500):
        content = bytearray(GOOD.only)
        for _ in range(chance.randint(1, 6)):
            at = chance.choice([chance.randrange(end, len(content)), chance.randrange(len(content))])
            content[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 4))
        if bytes(content) != GOOD.only:
            with pytest.raises(Refused) as refused:
                walked(bytes(content), KeyHolder(GOOD.keys))
            assert refused.value.stage in (Stage.SET, Stage.CONTENTS)


def test_modules_cannot_change_places():
    """Two pages of one column and the same size, each under its own place."""
    table = pa.table({"n": pa.array(range(40_000), pa.int64())})
    made = sealed(table, dictionaries=False, compression="none")
    content, at, found = bytearray(made.only), 4, []
    end = outline(io.BytesIO(made.only), len(made.only)).modules_end
    while at < end:
        size = outer.module_length(io.BytesIO(made.only), at, end)
        found.append((at, size))
        at += size
    (first, size), (second, same) = (one for one in found if one[1] > 50_000)
    assert size == same
    content[first : first + size], content[second : second + size] = (
        content[second : second + size],
        content[first : first + size],
    )
    outline(io.BytesIO(content), len(content))
    with pytest.raises(Refused) as refused:
        walked(bytes(content), KeyHolder(made.keys))
    assert refused.value.code == "module-forged"


def unchecked_outline(content: bytes) -> Outline:
    """What `outline` would return if it checked no chain, as for a plaintext that looks like one."""
    footer_at, crypto, end = outer._tail(io.BytesIO(content), len(content))
    return Outline(
        len(content), outer._file_id(crypto), outer._footer_material(crypto), footer_at, end, modules=0
    )


TWO = pa.table({"c0000": [f"value {n}" for n in range(100)], "c0001": list(range(100))})
NESTED = pa.table({"c0000": [{"a": f"inner {n}", "b": n} for n in range(100)]})


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (careless(TWO, column_keys={"0": ["c0000"]}), "plaintext-column"),
        (careless(NESTED, column_keys={"0": ["c0000.a"]}), "plaintext-column"),
        (careless(pa.table({"c0000": [{"inner": 1}]})), "odd-column-names"),
        (careless(TWO, uniform_encryption=True), "column-under-footer-key"),
        (careless(TWO, column_keys={"f": ["c0000", "c0001"]}), "key-id-wrong"),
        (careless(TWO, write={"store_schema": True}), "file-malformed"),
    ],
    ids=["plaintext", "leaf", "inner-names", "footer-key", "footer-key-as-column-key", "comments"],
)
def test_the_holder_of_the_footer_key_sees_what_is_under_no_key_of_its_own(made, code):
    file = io.BytesIO(made.only)
    with pytest.raises(Refused) as refused:
        read_footer(file, unchecked_outline(made.only), some(made.keys, "f"))
    assert refused.value.code == code


def test_a_good_footer_passes_the_same_way():
    read_footer(io.BytesIO(GOOD.only), unchecked_outline(GOOD.only), some(GOOD.keys, "f"))


def test_keys_of_another_set_open_nothing():
    with pytest.raises(Refused) as refused:
        walked(GOOD.only, KeyHolder(keks(3, "ab" * 16)))
    assert refused.value.code == "key-not-held"
