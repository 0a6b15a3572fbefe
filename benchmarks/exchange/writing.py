"""Writing a table to a file: plain, sealed, and sealed as a release does it, durable and proven."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.exchange.handed import Handed
from benchmarks.exchange.table import COLUMNS, Table
from benchmarks.stopwatch import Stopwatch
from shanhai.courier.sealing import LANES, Draft, folder_of, new_keys, write_set
from shanhai.exchange.parquet.encrypt import encrypt
from shanhai.exchange.parquet.kms import KeyHolder
from shanhai.exchange.parquet.profile import GROUP_ROWS
from shanhai.exchange.parquet.rows import plain_schema
from shanhai.exchange.parquet.types import schema_names

if TYPE_CHECKING:
    from typing import BinaryIO

    import pyarrow as pa


def write_plain(table: Table, target: Path, watch: Stopwatch) -> None:
    """What pyarrow's `ParquetWriter` does with zstd, in row groups of as many rows; then one fsync."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = Table(target).plain
    with (
        _stream(table) as reader,
        watch.step("write"),
        pq.ParquetWriter(file, reader.schema, compression="zstd") as writer,
    ):
        held: list[pa.RecordBatch] = []
        for batch in reader:
            held.append(batch)
            if sum(one.num_rows for one in held) >= GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held))
    with watch.step("fsync"), file.open("rb") as written:
        os.fsync(written.fileno())


def write_sealed(table: Table, target: Path, watch: Stopwatch) -> None:
    """Encrypted files alone: nothing is durable, and nothing is read back."""
    set_id = secrets.token_hex(16)
    keys = new_keys(set_id, len(COLUMNS))
    folder = folder_of(target, set_id)
    folder.mkdir(parents=True)
    opened: list[BinaryIO] = []

    def new_file() -> BinaryIO:
        opened.append((folder / f"{len(opened)}.new").open("xb"))
        return opened[-1]

    with _stream(table) as reader:
        columns = schema_names(plain_schema(reader.schema))
        with watch.step("encrypt"):
            files = encrypt(reader, new_file, set_id=set_id, keys=KeyHolder(keys), lanes=LANES)
            for file in opened:
                file.close()
    for number, one in enumerate(files):
        (folder / f"{number}.new").rename(folder / one.name)
    Handed.of(Draft(set_id, columns, tuple(files), keys), tuple(COLUMNS)).write(target)


def write_whole_set(table: Table, target: Path, watch: Stopwatch) -> None:
    """As a release does it: encrypted, durable, every module opened, every column tried without its key."""
    set_id = secrets.token_hex(16)
    keys = new_keys(set_id, len(COLUMNS))
    with _stream(table) as reader, watch.step("seal"):
        draft = write_set(reader, target, set_id, keys, lanes=LANES)
    Handed.of(draft, tuple(COLUMNS)).write(target)


def _stream(table: Table) -> pa.RecordBatchReader:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.OSFile(table.stream.as_posix()))
