"""Read granted columns of a sealed file, counted against what was declared of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from shanhai.exchange.failures import Refused
from shanhai.exchange.parquet import profile
from shanhai.exchange.parquet.footer import Footer, read_footer
from shanhai.exchange.parquet.kms import KeyHolder, crypto_factory
from shanhai.exchange.parquet.measure import decoded_bytes, halved
from shanhai.exchange.parquet.outline import outline
from shanhai.exchange.parquet.types import schema_names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

LEAST_ROWS = 1 << 10
"""Of a batch, where its row group has as many, and they are no more than `MOST_ROW_BYTES`."""
_PROBE_ROWS = 64
_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class Declared:
    """What the facts say of a file.

    Attributes:
        rows: in the file.
        decoded: bytes of all its columns, as `measure.py` counts them.
        columns: name → type of all its columns, granted or not, in order.
    """

    rows: int
    decoded: int
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Granted:
    """Granted columns of a file.

    Attributes:
        schema: of the columns, in the order of the file.
        batches: the rows, in the order of the file, in batches that decode to at most `MOST_ROW_BYTES`; to
            be gone through once.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


def read_granted(
    file: BinaryIO, size: int, keys: KeyHolder, *, columns: Sequence[str], declared: Declared
) -> Granted:
    """Open a file for its granted `columns`.

    To be called in a process that may die: libraries abort or hang on keys and bytes of a stranger's choice.
    No filter, no statistics, nothing of a withheld column is touched, since that alone ends the process.
    Before the library sees the file, its outline and footer are checked by code of our own.

    Raises:
        Refused: a code of the stage `set`; `schema-differs`, `rows-differ`, `dictionary-bomb`,
            `parser-memory` of a row or row group above its limit, `key-not-held`, `dek-wrong`; here, or while
            the batches are gone through. Batches that came before are worth nothing.
    """
    footer = read_footer(file, outline(file, size), keys)
    parquet = _as_declared(file, footer, keys, declared)
    if not columns or len(set(columns)) != len(columns) or not set(columns) <= set(declared.columns):
        raise Refused("schema-differs")
    wanted = sorted(columns, key=list(declared.columns).index)
    return Granted(_part(parquet.schema_arrow, wanted), _counted(parquet, wanted, footer, keys, declared))


def first_rows(
    file: BinaryIO, footer: Footer, keys: KeyHolder, *, column: str, declared: Declared
) -> pa.RecordBatch | None:
    """A few rows of one column of a file whose `footer` was read already; None where it has none.

    For who wrote the file: it is opened in this process.

    Raises:
        Refused: `schema-differs`, `rows-differ`, `key-not-held`, `dek-wrong`.
    """
    return _first(_as_declared(file, footer, keys, declared), [column])


def _as_declared(file: BinaryIO, footer: Footer, keys: KeyHolder, declared: Declared) -> pq.ParquetFile:
    if footer.rows != declared.rows:
        raise Refused("rows-differ")
    parquet = _opened(file, keys)
    if list(schema_names(parquet.schema_arrow).items()) != list(declared.columns.items()):
        raise Refused("schema-differs")
    return parquet


def _part(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in columns])


def _counted(
    parquet: pq.ParquetFile, columns: Sequence[str], footer: Footer, keys: KeyHolder, declared: Declared
) -> Iterator[pa.RecordBatch]:
    rows = decoded = 0
    for batch, size in _batches(parquet, columns, declared):
        rows += batch.num_rows
        decoded += size
        if decoded > declared.decoded:
            raise Refused("dictionary-bomb")
        if rows > declared.rows:
            raise Refused("rows-differ")
        yield batch
    if rows != declared.rows:
        raise Refused("rows-differ")
    _check_asked(keys, footer, columns)


def _opened(file: BinaryIO, keys: KeyHolder) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    factory, connection = crypto_factory(keys)
    file.seek(0)
    return pq.ParquetFile(
        pa.PythonFile(file, mode="r"),
        decryption_properties=factory.file_decryption_properties(connection),
        # Without a buffer a row group's columns would be read whole before the first batch.
        buffer_size=1 << 20,
        pre_buffer=False,
    )


def _batches(
    parquet: pq.ParquetFile, columns: Sequence[str], declared: Declared
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches of about `_BATCH_BYTES`, each with its decoded bytes, after a short look at the first rows.

    A row group of a few kilobytes may decode to gigabytes, and a batch is decoded before it is counted: hence
    the look. Of an honest file no batch is more than a row group, however large some of its rows are.
    """
    first = _first(parquet, columns)
    if first is None:
        return
    decoded = decoded_bytes(first)
    if decoded > declared.decoded:
        raise Refused("dictionary-bomb")
    width = max(decoded // first.num_rows, declared.decoded // max(declared.rows, 1), 1)
    rows = min(_BATCH_ROWS, max(LEAST_ROWS, _BATCH_BYTES // width))
    for group in range(parquet.num_row_groups):
        yield from _of_group(_group(parquet, columns, group, rows))


def _of_group(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, int]]:
    decoded = 0
    for batch in batches:
        for piece, size in halved(batch, profile.MOST_ROW_BYTES):
            decoded += size
            if size > profile.MOST_ROW_BYTES or decoded > profile.GROUP_BYTES:
                raise Refused("parser-memory")
            yield piece, size


def _first(parquet: pq.ParquetFile, columns: Sequence[str]) -> pa.RecordBatch | None:
    """A few rows of the first row group that has any."""
    groups = (_group(parquet, columns, group, _PROBE_ROWS) for group in range(parquet.num_row_groups))
    return next(chain.from_iterable(groups), None)


def _group(
    parquet: pq.ParquetFile, columns: Sequence[str], group: int, rows: int
) -> Iterator[pa.RecordBatch]:
    yield from parquet.iter_batches(rows, row_groups=[group], columns=list(columns), use_threads=False)


def _check_asked(keys: KeyHolder, footer: Footer, columns: Sequence[str]) -> None:
    """A granted column whose key nobody asked for was not encrypted under it."""
    names = {profile.physical_name(chunk.place[1]): chunk.material.key_id for chunk in footer.chunks}
    if any(names[name] not in keys.asked for name in columns if name in names):
        raise Refused("plaintext-column")
