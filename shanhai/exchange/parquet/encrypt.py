"""Write a stream of rows as encrypted Parquet files, hashed and counted while they are written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from shanhai.errors import DataError
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.kms import KeyHolder, crypto_factory
from shanhai.exchange.parquet.rows import groups, plain_schema
from shanhai.exchange.parquet.sink import HashedSink

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class SealedFile:
    """One written file of a set.

    Attributes:
        size: in bytes.
        sha256: of the file, hex.
        rows: in the file.
        decoded: bytes of its values, as `measure.py` counts them.
    """

    size: int
    sha256: str
    rows: int
    decoded: int

    @property
    def name(self) -> str:
        """What the file is called in the set: nothing but its digest."""
        return f"{self.sha256}.parquet"


@dataclass(frozen=True)
class Packing:
    """How values are packed in a file. Tests look for values in files without any packing."""

    compression: str = "zstd"
    dictionaries: bool = True
    most_bytes: int = profile.MOST_FILE_BYTES
    group_bytes: int = profile.GROUP_BYTES


def encrypt(
    reader: pa.RecordBatchReader,
    new_file: Callable[[], BinaryIO],
    *,
    set_id: str,
    keys: KeyHolder,
    packing: Packing | None = None,
    lanes: int = 1,
) -> list[SealedFile]:
    """Write all rows of `reader` into as many files as they need; at least one, also without rows.

    Columns are named c0000 … in the order of the reader; dictionaries become values, and metadata of the
    schema and its fields is left out. `keys` must hold the key of the footer and one for each column. Memory
    is bounded by `lanes` + 1 row groups of decoded rows and their encoding, whatever the number of rows.

    Args:
        new_file: gives the next file to write, open and empty. It is flushed and left open.
        set_id: 16 random bytes, hex.
        lanes: files that are written at the same time, to which row groups go in turn. Only with one do rows
            keep their order over the files.

    Returns:
        The files in the order in which they were asked for.

    Raises:
        DataError: a type or a value that cannot be sealed.
        Refused: `key-not-held`.
    """
    packing = packing or Packing()
    schema = plain_schema(reader.schema)
    opened: list[_Open] = []

    def fresh() -> _Open:
        opened.append(_Open(new_file(), schema, set_id=set_id, keys=keys, packing=packing))
        return opened[-1]

    # A writer is in the library nearly all of the time, where other threads may run.
    with ThreadPoolExecutor(lanes) as pool:
        at_work = [_Lane(pool) for _ in range(lanes)]
        for number, (group, decoded) in enumerate(groups(reader, schema, most_bytes=packing.group_bytes)):
            at_work[number % lanes].write(group, decoded, fresh)
            # While the next one is gathered, only the writer has this one.
            del group
        if not opened:
            fresh()
        for lane in at_work:
            lane.wait()
        return [file.close() for file in opened]


class _Lane:
    """A file after the other, each group written by a thread while the next is gathered."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._file: _Open | None = None
        self._writing: Future[None] | None = None

    def write(self, group: pa.Table, decoded: int, fresh: Callable[[], _Open]) -> None:
        """Have a group written, once the one before it is."""
        self.wait()
        if self._file is not None and not self._file.has_room(decoded):
            self._file.close()
            self._file = None
        self._file = self._file or fresh()
        self._writing = self._pool.submit(self._file.write, group, decoded)

    def wait(self) -> None:
        """Wait for what is being written; raises what writing raised."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None


class _Open:
    """A file that is being written."""

    def __init__(
        self, file: BinaryIO, schema: pa.Schema, *, set_id: str, keys: KeyHolder, packing: Packing
    ) -> None:
        self._sink = HashedSink(file)
        self._packing = packing
        self._most_groups = min(profile.MOST_GROUPS, profile.MOST_CHUNKS // len(schema))
        self._groups = self._rows = self._decoded = 0
        self._closed: SealedFile | None = None
        self._writer = _writer(self._sink, schema, set_id=set_id, keys=keys, packing=packing)

    def has_room(self, decoded: int) -> bool:
        """Whether a row group of `decoded` bytes and the footer surely fit.

        Encoded values are rarely more than the decoded ones (an int8 takes four bytes before compression);
        what the estimate misses is found when the file is closed.
        """
        most = self._packing.most_bytes - self._packing.group_bytes // 4
        return self._groups < self._most_groups and self._sink.size + 2 * decoded <= most

    def write(self, group: pa.Table, decoded: int) -> None:
        self._writer.write_table(group, row_group_size=group.num_rows)
        self._groups += 1
        self._rows += group.num_rows
        self._decoded += decoded

    def close(self) -> SealedFile:
        """End the file and say what it is; once more says the same."""
        if self._closed is None:
            self._writer.close()
            self._sink.flush()
            if self._sink.size > profile.MOST_FILE_BYTES:
                raise DataError(
                    "a sealed file became too large", given=self._sink.size, allowed=profile.MOST_FILE_BYTES
                )
            self._closed = SealedFile(self._sink.size, self._sink.digest(), self._rows, self._decoded)
        return self._closed


def _writer(
    sink: HashedSink, schema: pa.Schema, *, set_id: str, keys: KeyHolder, packing: Packing
) -> pq.ParquetWriter:
    import pyarrow.parquet as pq
    from pyarrow.parquet.encryption import EncryptionConfiguration

    factory, connection = crypto_factory(keys)
    properties = factory.file_encryption_properties(
        connection,
        EncryptionConfiguration(
            footer_key=profile.footer_key_id(set_id),
            # A column that no key names would stay plaintext, so the map is made from the schema itself.
            column_keys={profile.column_key_id(set_id, n): [name] for n, name in enumerate(schema.names)},
            encryption_algorithm="AES_GCM_V1",
            plaintext_footer=False,
            double_wrapping=False,
            internal_key_material=True,
            data_key_length_bits=8 * profile.DEK_BYTES,
        ),
    )
    return pq.ParquetWriter(
        sink,
        schema,
        encryption_properties=properties,
        compression=packing.compression,
        use_dictionary=packing.dictionaries,
        # Arrow's own schema would carry metadata, dictionary types and time zones into the footer.
        store_schema=False,
        write_page_index=True,
    )
