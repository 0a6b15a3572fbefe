"""No value and no name is found in any stored byte, in any spelling; the search finds what is there."""

from __future__ import annotations

import base64
import io

import pyarrow as pa
import pytest
import sentinels
from sealing import careless, sealed

from shanhai.courier import cell
from shanhai.exchange.failures import Refused

VALUES = ["拱墅区张三的病历", "sentinel-value-0423", "临安 龙游 昭化"]
NAMES = ["身份证号码", "resident_identity"]
DATASET = "gongshu.慢病随访"
WORDS = [*VALUES, *NAMES, DATASET]


def found(content: bytes) -> list[str]:
    return sentinels.found(content, WORDS)


def table(**names: str) -> pa.Table:
    columns = {
        NAMES[0]: [VALUES[0], VALUES[1], VALUES[2], None] * 50,
        NAMES[1]: pa.array(VALUES * 66 + VALUES[:2]).dictionary_encode(),
        "number": list(range(200)),
        "tags": [[VALUES[0], "x"], [], None, [VALUES[1]]] * 50,
    }
    made = pa.table(columns).replace_schema_metadata({"dataset": DATASET})
    field = made.schema.field(0).with_metadata({"comment": DATASET})
    return made.cast(made.schema.set(0, field))


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("dictionaries", [False, True])
def test_no_stored_byte_tells(compression: str, dictionaries: bool):
    made = sealed(table(), compression=compression, dictionaries=dictionaries)
    assert made.files[0].rows == 200
    assert found(made.only) == []


@pytest.mark.parametrize("dictionaries", [False, True])
def test_a_plaintext_column_is_found(dictionaries: bool):
    write = {"compression": "none", "use_dictionary": dictionaries}
    plain = pa.table({"c0000": VALUES * 50, "c0001": list(range(150))})
    made = careless(plain, column_keys={"1": ["c0001"]}, write=write)
    assert found(made.only) == VALUES


def test_names_in_a_plaintext_footer_are_found():
    plain = table().cast(pa.schema([table().schema.field(n).with_metadata(None) for n in range(4)]))
    named = plain.rename_columns([*NAMES, "c2", "c3"]).replace_schema_metadata({"dataset": DATASET})
    made = careless(named, plaintext_footer=True, write={"compression": "none", "store_schema": True})
    assert found(made.only) == [*NAMES, DATASET]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("shift", [0, 1, 2])
def test_the_search_knows_each_spelling(encoding: str, shift: int):
    raw = VALUES[0].encode(encoding)
    for told in (raw, raw.hex().encode(), base64.b64encode(b"Z" * shift + raw + b"rest")):
        assert found(b"before" + told + b"after") == [VALUES[0]]


def test_a_word_that_chance_could_write_is_not_looked_for():
    assert sentinels.found(b"a longish word", ["a longish", "not there"]) == ["a longish"]
    with pytest.raises(ValueError, match="a word of 8 bytes may be found by chance"):
        sentinels.found(b"", ["a longis"])


def test_errors_and_holders_tell_nothing(tmp_path):
    """A refused file, a refused key and everything that prints itself on the way."""
    made = sealed(table())
    wrong = dict(made.keys)
    key_id = next(iter(one for one in wrong if one.endswith(".0")))
    wrong[key_id] = made.keys[key_id.replace(".0", ".f")]
    job = cell.Job(len(made.only), ["c0000"], wrong, made.declared)
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_bytes(made.only)
    with source.open("rb") as file, out.open("w+b") as target, pytest.raises(Refused) as refused:
        cell.parse(file, target, job)
    told = io.StringIO()
    print(refused.value, repr(refused.value), repr(refused.value.__context__), job, made, file=told)
    secrets = [kek.bytes for kek in made.keys.values()]
    shown = told.getvalue().encode()
    assert not any(one in shown for raw in secrets for one in (raw.hex().encode(), base64.b64encode(raw)))
    assert not any(repr(raw).encode() in shown for raw in secrets)
    assert out.read_bytes() == b""
