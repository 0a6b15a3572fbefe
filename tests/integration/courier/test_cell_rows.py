"""The rows that come out of a cell are a stranger's too: what a captured parser may have written of them."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refusals import code_of
from sealing import sealed

from shanhai.courier import cell, opening
from shanhai.exchange.parquet.decrypt import LEAST_ROWS, Declared
from shanhai.exchange.parquet.profile import MOST_CHUNKS, MOST_ROW_BYTES
from shanhai.exchange.parquet.sink import HashedSink

GOOD = sealed(pa.table({"a": [f"value {n}" for n in range(1000)], "n": list(range(1000))}))


def test_what_is_no_stream_of_the_rows_is_refused():
    job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
    two = cell.Job(0, ["c0000", "c0001"], GOOD.keys, GOOD.declared)
    offsets = pa.array([0, 5, 2], pa.int32()).buffers()[1]
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"hello")])
    right = pa.array(["a"] * 1000)
    with _stream([right]) as out:
        assert sum(batch.num_rows for batch in cell.rows_of(out, job)) == 1000
    for wrong, given in (
        (_stream([broken]), job),
        (_stream([pa.array(["a"] * 999)]), job),
        (_stream([pa.array(list(range(1000)))]), job),
        (_stream([right, right], names=["c0000", "c0000"]), job),
        (_stream([pa.array(list(range(1000))), right], names=["c0001", "c0000"]), two),
        (_stream([right.dictionary_encode()]), job),
        (_stream([right], options=pa.ipc.IpcWriteOptions(compression="zstd")), job),
        (_stream([right], cut=40), job),
        (_stream([right], names=["é"], other=(b"\xc3\xa9", b"\xff\xff")), job),
    ):
        with wrong as out:
            assert code_of(lambda out=out, given=given: list(cell.rows_of(out, given))) == "parser-abort"
    with tempfile.TemporaryFile() as out:
        assert code_of(lambda out=out: list(cell.rows_of(out, job))) == "parser-abort"
        out.write(b"nothing")
        out.flush()
        assert code_of(lambda out=out: list(cell.rows_of(out, job))) == "parser-abort"


def test_nothing_grows_out_of_a_small_stream():
    """A few megabytes of compressed zeros were hundreds in the worker, whatever had been declared."""
    job = cell.Job(0, ["c0000"], GOOD.keys, Declared(4, 1 << 40, {"c0000": "string"}))
    zeros = pa.array(["\0" * (64 << 20)] * 4)
    with _stream([zeros], options=pa.ipc.IpcWriteOptions(compression="zstd")) as out:
        assert out.seek(0, io.SEEK_END) < 1 << 20
        assert code_of(lambda: list(cell.rows_of(out, job))) == "parser-abort"


def test_bytes_are_counted_before_they_are_looked_at():
    """The same bytes as many columns are as much work as if each had its own."""
    declared = Declared(8, 1000, {"c0000": "string"})
    with _stream([pa.array(["x" * (16 << 20)] * 8)]) as out:
        job = cell.Job(0, ["c0000"], GOOD.keys, declared)
        assert code_of(lambda: list(cell.rows_of(out, job))) == "dictionary-bomb"


@pytest.mark.parametrize(
    ("cuts", "allowed"),
    [
        ([1000], True),
        ([1, 999], True),
        ([0, 1000], False),
        ([500, 0, 500], False),
        ([1000, 0], False),
    ],
)
def test_no_batch_is_without_rows(cuts: list[int], allowed: bool):
    """There could be any number of them, which no count of rows or bytes would end."""
    job = cell.Job(0, ["c0000"], GOOD.keys, GOOD.declared)
    with _stream([pa.array(["a"] * 1000)], cuts=cuts) as out:
        if allowed:
            assert [batch.num_rows for batch in cell.rows_of(out, job)] == cuts
        else:
            assert code_of(lambda: list(cell.rows_of(out, job))) == "parser-abort"


def test_batches_are_as_many_as_a_cell_may_write():
    """A batch of one row takes as long as one of thousands."""
    rows = MOST_CHUNKS + 100
    job = cell.Job(0, ["c0000"], GOOD.keys, Declared(rows, rows, {"c0000": "int8"}))
    ones = pa.array([7] * rows, pa.int8())
    most = MOST_CHUNKS + rows // LEAST_ROWS
    with _stream([ones], cuts=[1] * (most - 1) + [rows - most + 1]) as out:
        assert sum(1 for _ in cell.rows_of(out, job)) == most
    with _stream([ones], cuts=[1] * most + [rows - most]) as out:
        assert code_of(lambda: list(cell.rows_of(out, job))) == "parser-abort"


def test_no_batch_is_larger_than_a_cell_writes():
    """A value of hundreds of megabytes, out of a file of kilobytes, was in the worker several times."""
    most = 4 * MOST_ROW_BYTES
    for size, allowed in ((most - 8, True), (most, False)):
        job = cell.Job(0, ["c0000"], GOOD.keys, Declared(1, 200 << 20, {"c0000": "string"}))
        with _stream([pa.array(["x" * size])]) as out:
            if allowed:
                assert [batch.num_rows for batch in cell.rows_of(out, job)] == [1]
            else:
                assert code_of(lambda out=out, job=job: list(cell.rows_of(out, job))) == "parser-abort"


def test_each_batch_is_counted_once():
    """Counting all that are held anew with each of them took seconds for some thousands, then minutes."""
    batches = [pa.record_batch({"c0000": ["x"]})] * 4_000
    sink, begun = io.BytesIO(), time.process_time()
    assert opening._packed(iter(batches), ["a"], HashedSink(sink)) == 4_000
    assert time.process_time() - begun < 5
    assert pq.read_table(pa.BufferReader(sink.getvalue())).num_rows == 4_000


@contextmanager
def _stream(
    columns: list[pa.Array],
    *,
    names: list[str] | None = None,
    options: pa.ipc.IpcWriteOptions | None = None,
    cut: int = 0,
    other: tuple[bytes, bytes] = (b"", b""),
    cuts: Sequence[int] = (),
) -> Iterator[BinaryIO]:
    """A file of the system with an Arrow stream, as a captured parser could have written it.

    Args:
        cuts: rows of each batch; one batch if none is given.
    """
    fields = [pa.field(name, one.type) for name, one in zip(names or ["c0000"], columns, strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    made = io.BytesIO()
    with pa.ipc.new_stream(made, batch.schema, options=options) as writer:
        at = 0
        for rows in cuts or [batch.num_rows]:
            writer.write_batch(batch.slice(at, rows))
            at += rows
    content = made.getvalue()[: -cut or None].replace(*other) if other[0] else made.getvalue()[: -cut or None]
    with tempfile.TemporaryFile() as out:
        out.write(content)
        out.flush()
        yield out
