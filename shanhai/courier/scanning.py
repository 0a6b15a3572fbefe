"""Rows on their way out: one statement over one version, counted first, then streamed in their order."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shanhai.contracts.sql import quote_literal
from shanhai.courier.subjects import Releasable
from shanhai.errors import DataError, DiskFullError, ShanhaiError, StoreError
from shanhai.governance.masks import SALT_BYTES, SALT_PARAMETER
from shanhai.governance.shape import Shape, count_sql, scan_sql
from shanhai.governance.subjects import Counted, complement_sql, difference_sql, groups_sql
from shanhai.settings import Settings
from shanhai.storage.disk import disk_errors, says_full
from shanhai.storage.durable import make_folders
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 1 << 16
_SHUFFLE = "shuffle"
_SPILL = Path("scratch", "release")


def count_rows(settings: Settings, found: Releasable, shape: Shape) -> tuple[int, int]:
    """Rows that are held, and those of them that would leave.

    Raises:
        StoreError: the version cannot be read.
    """
    if found.folder is not None:
        return found.parts, found.parts
    with _reading(settings, found) as con:
        held, leaving = _one(con, count_sql(shape, found.relation))
    return int(held), int(leaving)


def count_people(
    settings: Settings,
    found: Releasable,
    shape: Shape,
    *,
    people: str,
    columns: Sequence[str],
    sent: Iterable[int],
) -> Counted:
    """Measure how many people a release tells apart, and what earlier ones beside it would tell.

    Groups are told apart by the columns that the recipient reads, by their original values: a mask can only
    join groups.

    Args:
        people: the column that says who; it need not leave.
        sent: versions that the recipient has. One that is not kept any more is not compared with.

    Raises:
        StoreError: the version cannot be read.
    """
    by = [name for name in columns if name != people]
    condition = shape.row_filter.text if shape.row_filter else "true"
    with _reading(settings, found) as con:
        group, rows = _one(con, groups_sql(found.relation, subject=people, by=by, condition=condition))
        (complement,) = _one(con, complement_sql(found.relation, subject=people, by=by, condition=condition))
        compared: dict[int, int | None] = {}
        for version in sorted(set(sent) - {found.version}):
            earlier = _earlier(found, version)
            if earlier is not None:
                query = difference_sql(earlier, found.relation, subject=people, by=by, condition=condition)
                (compared[version],) = _one(con, query)
    return Counted(
        smallest_group=group,
        smallest_rows=rows,
        smallest_complement=complement,
        compared_with=frozenset(compared),
        smallest_difference=min((count for count in compared.values() if count is not None), default=None),
    )


@contextlib.contextmanager
def scan(
    settings: Settings, found: Releasable, shape: Shape, *, order: Sequence[str]
) -> Iterator[pa.RecordBatchReader]:
    """The rows of the set: filtered, masked, renamed and ordered, as Arrow batches in bounded memory.

    Salts are made here, bound, and kept nowhere. One at a time in a home (`turns.one_at_a_time`).

    Args:
        order: the columns to order by; rows that are equal in them come in an order that tells nothing.

    Raises:
        StoreError: the version cannot be read, or the disk is full while DuckDB sorts.
        DataError: a value does not fit the shape.
    """
    query = scan_sql(shape, found.relation)
    bound: dict[str, bytes] = {}
    if shape.needs_salt:
        bound[SALT_PARAMETER] = secrets.token_bytes(SALT_BYTES)
    if set(order) != set(shape.names):
        query = _shuffled(shape, query, order)
        bound[_SHUFFLE] = secrets.token_bytes(SALT_BYTES)
    with _spill_folder(settings) as folder, _reading(settings, found) as con:
        con.execute("SET force_mbedtls_unsafe = 'true'")
        con.execute("SET temp_file_encryption = true")
        con.execute(f"SET temp_directory = {quote_literal(folder.as_posix())}")
        yield con.execute(query, bound or None).to_arrow_reader(_BATCH_ROWS)


def _shuffled(shape: Shape, query: str, order: Sequence[str]) -> str:
    """The same rows, ordered by some columns alone: the order by the others would tell their ranks."""
    names = dict(zip(shape.names, shape.physical, strict=True))
    columns = ", ".join(shape.physical)
    by = [f"{names[name]} ASC NULLS LAST" for name in order]
    by.append(f"sha256(${_SHUFFLE} || encode(CAST(place AS VARCHAR)))")
    numbered = f"(SELECT *, row_number() OVER () AS place FROM ({query}) AS ordered)"
    return f"SELECT {columns} FROM {numbered} AS numbered ORDER BY {', '.join(by)}"


@contextlib.contextmanager
def _spill_folder(settings: Settings) -> Iterator[Path]:
    """A folder for the rows that DuckDB spills while it sorts, which outlives no scan but a killed one.

    They are encrypted by a key in memory. Without its extension for OpenSSL DuckDB makes random numbers that
    it calls unsafe itself, so that nobody else may enter the folder is what protects.
    """
    folder = settings.home / _SPILL
    with disk_errors(folder):
        _remove(folder)
        make_folders(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _reading(settings: Settings, found: Releasable) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session whose errors quote no value, also those that come through pyarrow after the first batch."""
    import duckdb

    try:
        with duckdb_session(settings) as con:
            yield con
    except duckdb.Error:
        raise DataError("the rows do not fit the shape", given=found.subject.name) from None
    except OSError as error:
        if says_full(str(error)):
            raise DiskFullError("the disk is full", given=settings.home, hint="make room") from None
        raise StoreError("the rows could not be read or written", given=found.subject.name) from None


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    return row if row is not None else ()


def _earlier(found: Releasable, version: int) -> str | None:
    try:
        return found.earlier(version)
    except ShanhaiError:
        return None
