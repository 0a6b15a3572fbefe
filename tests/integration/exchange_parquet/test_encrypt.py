"""What the writer makes of a stream of rows: plain values, files that roll over, digests, bounded memory."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import duckdb
import pyarrow as pa
import pytest
from sealing import SET, KeyHolder, Sealed, keks, sealed, some

from shanhai.errors import DataError
from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import footer, modules
from shanhai.exchange.parquet import walk as walking
from shanhai.exchange.parquet.decrypt import Declared, read_granted
from shanhai.exchange.parquet.encrypt import encrypt
from shanhai.exchange.parquet.measure import decoded_bytes
from shanhai.exchange.parquet.outline import module_length, outline
from shanhai.exchange.parquet.walk import walk
from shanhai.exchange.secret import Secret


def read(made: Sealed, number: int = 0) -> pa.Table:
    content, file = made.contents[number], made.files[number]
    granted = read_granted(
        io.BytesIO(content),
        len(content),
        KeyHolder(made.keys),
        columns=list(made.columns),
        declared=Declared(file.rows, file.decoded, made.columns),
    )
    return pa.Table.from_batches(list(granted.batches), granted.schema)


EVERY_TYPE = """
    select range % 2 = 0 as a, range::tinyint as b, range::smallint as c, range::integer as d, range as e,
           range::utinyint as f, range::ubigint as g, range::float as h, range::double as i, range::text as j,
           range::text::blob as k, date '2026-01-01' + range::integer as l, time '08:00:00' as m,
           timestamp '2026-01-01 08:00:00' as n, timestamptz '2026-01-01 08:00:00+08' as o,
           (range / 100)::decimal(18, 2) as p, [range, null, 7] as q, [[range::text], []] as r,
           case when range % 3 = 0 then null else range::text end as s,
           (case when range % 2 = 0 then 'yes' else 'no' end)::enum('yes', 'no', 'never') as t,
           range::hugeint as u, timestamp_s '2026-01-01 08:00:00' as v,
           timestamp_ns '2026-01-01 08:00:00' as w,
           '6d6f756e-7461-696e-0000-000000000000'::uuid as x
    from range(100)
"""


def test_every_type_comes_back():
    table = duckdb.connect().execute(EVERY_TYPE).to_arrow_table()
    made = sealed(table)
    assert list(made.columns) == [f"c{n:04d}" for n in range(24)]
    assert list(made.columns.values()) == [
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint64", "float", "double", "string"),
        *("binary", "date", "time[us]", "timestamp[us]", "timestamp[us,UTC]", "decimal(18,2)"),
        *("list<int64>", "list<list<string>>", "string", "string"),
        *("decimal(38,0)", "timestamp[ms]", "timestamp[ns]", "string"),
    ]
    back = read(made)
    for sent, came in zip(table.columns, back.columns, strict=True):
        assert [str(value) for value in sent.to_pylist()] == [str(value) for value in came.to_pylist()]
    assert decoded_bytes(back) == made.files[0].decoded


def test_an_enum_leaves_no_value_that_no_row_has():
    table = pa.table(
        {"a": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["x", "y", "FILTERED"]))}
    )
    for dictionaries in (True, False):
        made = sealed(table, dictionaries=dictionaries, compression="none")
        opened = read(made)
        assert opened.column(0).type == pa.string()
        assert b"FILTERED" not in _pages(made)


def _pages(made: Sealed) -> bytes:
    """Everything that is in the file, opened."""
    opened: list[bytes] = []

    class Noting(modules.Cipher):
        def open(self, module: bytes, kind: modules.Kind, *place: int) -> bytes:
            opened.append(super().open(module, kind, *place))
            return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walking, "Cipher", Noting)
        patch.setattr(footer, "Cipher", Noting)
        walk(io.BytesIO(made.only), len(made.only), KeyHolder(made.keys))
    return b"".join(opened)


def test_comments_and_metadata_are_left_out():
    field = pa.field("name", pa.string(), metadata={"comment": "COMMENT"})
    table = pa.table([pa.array(["a"])], schema=pa.schema([field], metadata={"origin": "ORIGIN"}))
    inside = _pages(sealed(table, compression="none"))
    assert b"c0000" in inside
    assert not any(word in inside for word in (b"COMMENT", b"ORIGIN", b"name", b"ARROW"))


def test_a_set_without_rows_is_one_file():
    made = sealed([pa.record_batch({"a": pa.array([], pa.string())})])
    assert [(file.rows, file.decoded) for file in made.files] == [(0, 0)]
    assert read(made).num_rows == 0


def test_files_roll_over_and_say_what_they_are():
    table = pa.table({"a": [f"{hashlib.sha256(str(n).encode()).hexdigest()}" for n in range(60_000)]})
    made = sealed(table, most_bytes=1 << 20, group_bytes=256 << 10)
    assert len(made.files) >= 3
    for content, file in zip(made.contents, made.files, strict=True):
        assert file.size == len(content) <= 1 << 20
        assert file.name == f"{hashlib.sha256(content).hexdigest()}.parquet"
        walk(io.BytesIO(content), len(content), KeyHolder(made.keys))
    back = pa.concat_tables(read(made, number) for number in range(len(made.files)))
    assert back.column(0).to_pylist() == table.column(0).to_pylist()
    assert sum(file.decoded for file in made.files) == 60_000 * (64 + 4)


def test_row_groups_stay_below_what_a_file_can_number():
    """The library fails at 32,768 row groups, half-way; a file is closed long before."""
    rows = 16_384 // 64 + 10
    table = pa.table({f"a{n}": pa.array(range(rows), pa.int64()) for n in range(64)})
    made = sealed(table.to_batches(max_chunksize=1), group_bytes=64 * 8)
    assert [file.rows for file in made.files] == [16_384 // 64, 10]


def data_keys(made: Sealed) -> list[bytes]:
    """Of each file the footer's, then that of each column, unwrapped."""
    keys, found = KeyHolder(made.keys), []
    for content in made.contents:
        outer = outline(io.BytesIO(content), len(content))
        chunks = footer.read_footer(io.BytesIO(content), outer, keys).chunks
        of_columns = {(one.place[1], one.material) for one in chunks}
        assert len(of_columns) == len(made.columns)
        materials = [outer.material, *(material for _, material in of_columns)]
        found += [keys.unwrap(one.wrapped, one.key_id) for one in materials]
    return found


def nonces(content: bytes) -> list[bytes]:
    """Of every module of a file, that of the footer among them."""
    file, found = io.BytesIO(content), []
    outer = outline(file, len(content))
    at = 4
    while at < outer.modules_end:
        found.append(content[at + 4 : at + 16])
        at += module_length(file, at, outer.modules_end)
    return [*found, content[outer.footer_at + 4 : outer.footer_at + 16]]


def test_each_file_has_data_keys_and_nonces_of_its_own():
    """The very same rows, in several files of a set that is made twice, under the same keys of the set."""
    table = pa.table({"a": ["the same"] * 20_000, "b": ["the same"] * 20_000, "c": [7] * 20_000})
    small = {"compression": "none", "dictionaries": False, "most_bytes": 512 << 10, "group_bytes": 128 << 10}
    one, two = sealed(table, **small), sealed(table, **small)
    assert [key.bytes for key in one.keys.values()] == [key.bytes for key in two.keys.values()]
    assert len(one.contents) == len(two.contents) > 1
    found = [*data_keys(one), *data_keys(two)]
    assert {len(key) for key in found} == {32}
    assert len(found) == len(set(found)) == 2 * len(one.contents) * (1 + len(one.columns))
    drawn = [nonce for content in (*one.contents, *two.contents) for nonce in nonces(content)]
    assert len(drawn) == len(set(drawn)) > len(found)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": [{"inner": 1}]}),
        pa.table({"a": pa.array([1], pa.duration("us"))}),
        pa.table({"a": ["x" * ((16 << 20) + 1)]}),
        pa.table({}),
    ],
    ids=["struct", "duration", "large-row", "no-columns"],
)
def test_what_cannot_be_sealed_is_said(table: pa.Table):
    with pytest.raises(DataError):
        sealed(table)


def test_a_missing_key_is_refused_before_a_byte_of_rows():
    target = io.BytesIO()
    reader = pa.table({"a": ["x"], "b": ["y"]}).to_reader()
    with pytest.raises(Refused) as refused:
        encrypt(reader, lambda: target, set_id=SET, keys=some(keks(2), "f", "0"))
    assert refused.value.code == "key-not-held"
    assert len(target.getvalue()) <= 4


def test_holders_do_not_show_keys():
    holder = KeyHolder({f"{SET}.f": Secret(b"K" * 32)})
    wrapped = holder.wrap(b"D" * 32, f"{SET}.f")
    assert holder.unwrap(wrapped, f"{SET}.f") == b"D" * 32
    assert "K" * 8 not in repr(holder) + str(vars(holder))
    assert holder.asked == [f"{SET}.f"] * 2


def test_a_wrap_belongs_to_its_key_id():
    kek = Secret.random()
    holder = KeyHolder({f"{SET}.0": kek, f"{SET}.1": kek})
    wrapped = holder.wrap(b"D" * 32, f"{SET}.0")
    with pytest.raises(Refused) as refused:
        holder.unwrap(wrapped, f"{SET}.1")
    assert refused.value.code == "dek-wrong"


STREAM = """
import resource, sys, pyarrow as pa
from sealing import SET, KeyHolder, keks
from shanhai.exchange.parquet.encrypt import Packing, encrypt
rows = int(sys.argv[1])
schema = pa.schema([("a", pa.string()), ("b", pa.int64())])
def stream():
    for start in range(0, rows, 50_000):
        numbers = pa.array(range(start, start + 50_000))
        yield pa.record_batch([numbers.cast(pa.string()), numbers], schema=schema)
encrypt(pa.RecordBatchReader.from_batches(schema, stream()), lambda: open("/dev/null", "wb"), set_id=SET,
        keys=KeyHolder(keks(2)), packing=Packing(group_bytes=4 << 20))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_rows():
    """Megabytes at their highest, with four times the rows."""

    def highest(rows: int) -> int:
        told = subprocess.run(
            [sys.executable, "-c", STREAM, str(rows)],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path), "MALLOC_ARENA_MAX": "1"},
        )
        return int(told.stdout)

    assert highest(2_000_000) <= highest(500_000) + 24
