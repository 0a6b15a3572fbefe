"""Reading a table: a plain file, sealed files in this process and in a cell, and all of an opening."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.exchange.handed import Handed
from benchmarks.exchange.table import Table, sums_of_batches
from benchmarks.stopwatch import Stopwatch
from shanhai.courier.cell import Job
from shanhai.courier.cells import Room, batches_of
from shanhai.courier.sealing import folder_of
from shanhai.exchange.parquet.decrypt import read_granted
from shanhai.exchange.parquet.kms import KeyHolder

if TYPE_CHECKING:
    import pyarrow as pa


def read_plain(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """All batches of a plain file, as pyarrow reads them unless it is told otherwise."""
    return _read_plain(table, target, watch, threads=True)


def read_plain_alone(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """The same on one thread, as many as a cell has."""
    return _read_plain(table, target, watch, threads=False)


def _read_plain(table: Table, target: Path, watch: Stopwatch, *, threads: bool) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with watch.step("read"), pq.ParquetFile(table.plain) as parquet:
        went_through(parquet.iter_batches(use_threads=threads))
    with pq.ParquetFile(table.plain) as parquet:
        again = pa.RecordBatchReader.from_batches(parquet.schema_arrow, parquet.iter_batches())
        return sums_of_batches(again, target)


def read_sealed(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """All columns decrypted in this process, which nobody does with a stranger's file."""
    handed = Handed.read(table.sealed)
    with watch.step("read"):
        went_through(decrypted(handed, table.sealed))
    return sums_of_sealed(handed, table.sealed, target)


def read_in_a_cell(table: Table, target: Path, watch: Stopwatch) -> dict[str, int]:
    """All columns decrypted in a cell for each file, and gone through on this side of it."""
    handed = Handed.read(table.sealed)
    with watch.step("read"):
        went_through(_celled(handed, table.sealed))
    return _sums_of(_celled(handed, table.sealed), handed, target)


def sums_of_sealed(handed: Handed, folder: Path, scratch: Path) -> dict[str, int]:
    """What is in sealed files."""
    return _sums_of(decrypted(handed, folder), handed, scratch)


def decrypted(handed: Handed, folder: Path) -> Iterator[pa.RecordBatch]:
    """The batches of all columns of all files."""
    keys = KeyHolder(handed.keys)
    for one in handed.files:
        with (folder_of(folder, handed.set_id) / one.name).open("rb") as file:
            declared = handed.declared(one)
            yield from read_granted(file, one.size, keys, columns=handed.physical, declared=declared).batches


def went_through(batches: Iterable[pa.RecordBatch]) -> int:
    """Rows of batches that nobody looks at."""
    return sum(batch.num_rows for batch in batches)


def _celled(handed: Handed, folder: Path) -> Generator[pa.RecordBatch, None, None]:
    """As `opening` has them: hashed once more, two at a time."""
    jobs = [
        (one, Job(file.size, handed.physical, handed.keys, handed.declared(file)))
        for one, file in zip(handed.set_files, handed.files, strict=True)
    ]
    return batches_of(jobs, folder_of(folder, handed.set_id), Room(0, bytes=1 << 40, seconds=3600))


def _sums_of(batches: Iterator[pa.RecordBatch], handed: Handed, scratch: Path) -> dict[str, int]:
    import pyarrow as pa

    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))
    return sums_of_batches(reader, scratch, names=handed.names)
