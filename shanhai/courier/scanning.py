"""Rows on their way out: one statement over one version, counted first, then streamed in their order."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shanhai.courier.spilling import private_folder, spill_folder, spill_into
from shanhai.courier.subjects import Releasable
from shanhai.errors import DataError, DiskFullError, ShanhaiError, StoreError
from shanhai.governance.masks import SALT_BYTES, SALT_PARAMETER, needs_salt
from shanhai.governance.shape import SHUFFLE_PARAMETER, Shape, count_sql, scan_sql, shuffled
from shanhai.governance.subjects import (
    LEAVES,
    SUBJECT,
    Counted,
    Measure,
    complement_sql,
    difference_sql,
    groups_sql,
    measured,
)
from shanhai.settings import Settings
from shanhai.storage.disk import says_full
from shanhai.warehouse.session import duckdb_session

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 1 << 16


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
    sent: Mapping[Measure, Shape],
) -> Counted:
    """Measure how many people a release tells apart, and what earlier ones beside it would tell.

    Groups are told apart by the columns that the recipient reads, as they leave. What it had before is laid
    beside this by the columns that look the same in both.

    Args:
        people: the column that says who; it need not leave, and tells groups apart where it does.
        columns: of the shape: what the recipient would read, and what it reads of this very measure already.
        sent: what the recipient has, in its shapes. A version that is not kept any more is not compared with.

    Raises:
        StoreError: the version cannot be read.
        ShapeRefusedError: `columns-too-many` to count over.
    """
    by = list(dict.fromkeys(columns))
    own: Measure = (found.version, shape.shape_id)
    told = {"subject": SUBJECT, "condition": LEAVES}
    with private_folder(settings) as folder, _reading(settings, found) as con:
        spill_into(con, folder)
        now = measured(shape, found.relation, subject=people, columns=by)
        group, rows = _measured(con, groups_sql(now, by=by, **told), shape, by)
        (complement,) = _measured(con, complement_sql(now, by=by, **told), shape, by)
        compared: dict[Measure, int | None] = {}
        for measure, before in sorted(sent.items(), key=lambda one: one[0]):
            relation = found.relation if measure[0] == found.version else _earlier(found, measure[0])
            if measure == own or relation is None:
                continue
            both = [name for name in by if name in before.names and _alike(name, before, shape)]
            earlier, later = (
                measured(one, rows_of_it, subject=people, columns=both)
                for one, rows_of_it in ((before, relation), (shape, found.relation))
            )
            query = difference_sql(earlier, later, by=both, **told)
            (compared[measure],) = _measured(con, query, shape, both)
    return Counted(
        measure=own,
        columns=frozenset(by),
        smallest_group=group,
        smallest_rows=rows,
        smallest_complement=complement,
        compared_with=frozenset(compared),
        smallest_difference=min((count for count in compared.values() if count is not None), default=None),
        who=people,
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
    bound: dict[str, bytes] = {}
    if shape.needs_salt:
        bound[SALT_PARAMETER] = secrets.token_bytes(SALT_BYTES)
    if shuffled(shape, order):
        bound[SHUFFLE_PARAMETER] = secrets.token_bytes(SALT_BYTES)
    query = scan_sql(shape, found.relation, order=order)
    with spill_folder(settings) as folder, _reading(settings, found) as con:
        spill_into(con, folder)
        yield con.execute(query, bound or None).to_arrow_reader(_BATCH_ROWS)


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


def _alike(name: str, before: Shape, now: Shape) -> bool:
    return before.masks.get(name) == now.masks.get(name)


def _measured(
    con: duckdb.DuckDBPyConnection, query: str, shape: Shape, columns: Sequence[str]
) -> tuple[Any, ...]:
    """One row of numbers; a salted mask tells groups apart as the values do, whatever the salt."""
    salted = any(needs_salt(shape.masks[name]) for name in columns if name in shape.masks)
    return _one(con, query, {SALT_PARAMETER: secrets.token_bytes(SALT_BYTES)} if salted else None)


def _one(
    con: duckdb.DuckDBPyConnection, query: str, bound: dict[str, bytes] | None = None
) -> tuple[Any, ...]:
    row = con.execute(query, bound).fetchone()
    return row if row is not None else ()


def _earlier(found: Releasable, version: int) -> str | None:
    try:
        return found.earlier(version)
    except ShanhaiError:
        return None
