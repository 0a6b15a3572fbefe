"""Parquet: columns by name, their typed values as the texts that the contract's types read back exactly.

A whole number has no decimal point, whatever its type, other floating-point numbers their shortest exact
digits; decimals keep their zeros; booleans are true and false; days 2024-01-05, times of day 10:20:30,
moments 2024-01-05 10:20:30.5, those with a zone in UTC with +00; bytes \\x and hexadecimal digits; lists,
maps and whole structures JSON. A dotted source is a field of a structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shanhai.contracts.model import Contract
from shanhai.contracts.sql import quote_literal
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.compression import check_bomb
from shanhai.ingest.decode.decoded import BodyCount, BodyFile, Limits
from shanhai.ingest.decode.headings import Placement, place, shown
from shanhai.ingest.decode.raw_table import insert_raw, one_file

_BATCH_ROWS = 20_000
_BATCH_NAME = "_parquet_batch"
_MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
_SMALLEST = 12
_WHOLE = "1e15"
"""Below it every whole number is exact, and its digits are those that people write."""


@dataclass(frozen=True)
class _Field:
    """A column, or a field inside a structure: its heading, its column's name, the SQL of its value."""

    heading: str
    column: str
    value: str
    type: pa.DataType


def decode_parquet(
    con: duckdb.DuckDBPyConnection, contract: Contract, body: BodyFile, limits: Limits
) -> BodyCount:
    """Append the rows of one file to `raw`, in its order, a batch at a time.

    Raises:
        UnreadableError: no Parquet, encrypted, cut off, damaged, a bomb, a heading twice, a type that has no
            text.
    """
    _check_magic(body)
    with _readable(body), pq.ParquetFile(body.path) as file:
        _check_declared(con, body, limits)
        fields = list(_fields(file.schema_arrow, contract))
        if not fields:
            raise UnreadableError(f"{body.name}: a Parquet file without columns", allowed="one or more")
        placement = place(contract, [field.heading for field in fields], body.name)
        cells = [
            "NULL" if position is None else _text(fields[position], position, body.name)
            for position in placement.positions
        ]
        rows = _append(con, body, cells, _batches(file, body, _columns(fields, placement), limits))
        if rows != file.metadata.num_rows:
            raise UnreadableError(
                f"{body.name}: not as many rows as it says", given=rows, allowed=file.metadata.num_rows
            )
    return BodyCount(rows, 0, placement.missing, placement.unknown)


def _append(
    con: duckdb.DuckDBPyConnection, body: BodyFile, cells: Sequence[str], batches: Iterator[pa.RecordBatch]
) -> int:
    rows = 0
    for batch in batches:
        con.register(_BATCH_NAME, pa.Table.from_batches([batch]))
        try:
            rows += insert_raw(con, cells, body.name, f"NULL, NULL FROM {_BATCH_NAME}")
        finally:
            con.unregister(_BATCH_NAME)
    return rows


def _batches(
    file: pq.ParquetFile, body: BodyFile, columns: Sequence[str], limits: Limits
) -> Iterator[pa.RecordBatch]:
    """Batches with the columns asked for; texts stay references to what the file has once.

    A few bytes can stand for a long text a million times, so they are counted before they are written out.
    """
    packed, done = body.path.stat().st_size, 0
    texts = [
        field.name for field in file.schema_arrow if _is_text(field.type) or pa.types.is_binary(field.type)
    ]
    with pq.ParquetFile(body.path, read_dictionary=texts) as dictionaries:
        for batch in dictionaries.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False):
            done += sum(_size(column) for column in batch.columns)
            check_bomb(body.name, packed, done, limits)
            for column in batch.columns:
                column.validate(full=True)
            yield batch


def _size(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    return int(pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0)


def _columns(fields: Sequence[_Field], placement: Placement) -> list[str]:
    wanted = {fields[position].column for position in placement.positions if position is not None}
    # Rows count also where the contract finds none of its columns.
    return sorted(wanted) or [fields[0].column]


def _fields(schema: pa.Schema, contract: Contract) -> Iterator[_Field]:
    """Every column, and in its place the fields of a structure that the contract looks into."""
    stated = (source for column in contract.columns for source in column.sources)
    sources = {text.strip() for text in (*contract.ignored, *stated)}
    for field in schema:
        yield from _inner(_Field(field.name, field.name, _quoted(field.name), field.type), sources)


def _inner(field: _Field, sources: set[str]) -> Iterator[_Field]:
    if pa.types.is_dictionary(field.type):
        # How a writer had it in memory; in the file they are values like others.
        field = replace(field, type=field.type.value_type)
    looked_into = any(source.startswith(f"{field.heading}.") for source in sources)
    if field.heading in sources or not looked_into or not pa.types.is_struct(field.type):
        yield field
        return
    for child in field.type:
        value = f"struct_extract({field.value}, {quote_literal(child.name)})"
        yield from _inner(_Field(f"{field.heading}.{child.name}", field.column, value, child.type), sources)


def _text(field: _Field, position: int, body: str) -> str:
    """SQL of a value's text.

    Raises:
        UnreadableError: values of its type have none.
    """
    value, kind = field.value, field.type
    types = pa.types
    if types.is_floating(kind) and not types.is_float16(kind):
        whole = f"{value} = trunc({value}) AND abs({value}) < {_WHOLE}"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE {value}::VARCHAR END"
    if types.is_timestamp(kind) and kind.tz is not None:
        return f"make_timestamp(epoch_us({value}))::VARCHAR || '+00'"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return f"'\\x' || lower(hex({value}))"
    if types.is_nested(kind):
        return f"to_json({value})::VARCHAR"
    if types.is_null(kind):
        return "NULL"
    plain = (types.is_integer, types.is_boolean, types.is_decimal, types.is_date, types.is_time)
    if _is_text(kind) or types.is_timestamp(kind) or any(test(kind) for test in plain):
        return f"{value}::VARCHAR"
    raise UnreadableError(
        f"{body}: a column of a type that has no text",
        given=f"{shown(field.heading, position + 1)}, {kind}",
        allowed="numbers, texts, booleans, days, times, bytes, lists, maps and structures",
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check_magic(body: BodyFile) -> None:
    start, end = _ends(body.path)
    if start == end == _MAGIC:
        return
    if _ENCRYPTED in (start, end):
        given, hint = "an encrypted file", "ask the source for plain files"
    elif start == _MAGIC:
        given, hint = "a file that is cut off", "pull it again"
    elif not start:
        given, hint = "an empty file", "see what the source answers"
    else:
        given, hint = "something else", "see what the source answers; correct the format in the contract"
    raise UnreadableError(f"{body.name}: not a Parquet file", given=given, allowed="Parquet", hint=hint)


def _ends(path: Path) -> tuple[bytes, bytes]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(len(_MAGIC))
        if size < _SMALLEST:
            return start, b""
        stream.seek(-len(_MAGIC), 2)
        return start, stream.read()


def _check_declared(con: duckdb.DuckDBPyConnection, body: BodyFile, limits: Limits) -> None:
    """Refuse what its own footer says is too much, before a page of it is unpacked.

    Asked of DuckDB: of a column whose metadata are encrypted, pyarrow ends the process.
    """
    declared = (
        "SELECT coalesce(sum(total_uncompressed_size), 0), coalesce(sum(num_values), 0) "
        f"FROM parquet_metadata({one_file(body.path)})"
    )
    try:
        found = con.execute(declared).fetchone()
    except duckdb.Error as error:
        raise _refusal(body, error) from None
    packed = body.path.stat().st_size
    # A value that is repeated a million times costs a few bits in the file, and a byte or more outside.
    for amount in found or ():
        check_bomb(body.name, packed, int(amount), limits)


@contextmanager
def _readable(body: BodyFile) -> Iterator[None]:
    """Turn what the library says of a damaged file into our error."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _refusal(body, error) from None


def _refusal(body: BodyFile, error: Exception) -> UnreadableError:
    # The library's own text may quote the file.
    told = str(error).lower()
    return UnreadableError(
        f"{body.name}: the Parquet file cannot be read",
        given="encrypted columns" if "encrypt" in told or "decrypt" in told else "a damaged file",
        allowed="plain Parquet, whole",
        hint="pull it again, or ask the source for plain files",
    )
