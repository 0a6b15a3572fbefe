"""A table of an SQLite file, read through ADBC in one read transaction that writes nothing beside the file.

A column of SQLite may hold values of any type in any row, and the driver takes the types of the first rows
for those of all. So every value is handed on as text: a whole number in its digits, a floating-point number
in its shortest exact digits, a text as it is, bytes as `\\x` and hexadecimal digits.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from shanhai.connect.database.adbc_rows import streamed
from shanhai.connect.database.mark import Mark, earlier_text, lag_seconds
from shanhai.connect.database.table import (
    Selection,
    Since,
    Span,
    Standing,
    TableColumn,
    check_columns,
    checked_batch,
    chosen,
    quoted,
)
from shanhai.connect.retry import TransientError
from shanhai.errors import ConfigurationError, NotFoundError, ShanhaiError, SourceError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

NUMBER = "number"
TEXT = "text"
_BATCH_ROWS = 512
_PRESENT = "="
_NUMERIC = "('integer', 'real')"
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"
_BUSY = ("locked", "busy")


class SqliteTable:
    """One table or view; see `Table`.

    Args:
        connection: an ADBC connection to a file opened for reading only, in autocommit.
        wanted: the columns to read; None means all.
        seconds: to wait while another process writes.
        now: the present moment; later stamps are in the future.
    """

    def __init__(
        self,
        connection: Connection,
        table: str,
        wanted: Sequence[str] | None,
        *,
        seconds: float,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._name = table
        self._relation = f"main.{quoted(table)}"
        self._tomorrow = (now + timedelta(days=1)).date().isoformat()
        for statement in (
            f"PRAGMA busy_timeout = {math.ceil(seconds * 1000)}",
            "PRAGMA query_only = 1",
            "PRAGMA trusted_schema = 0",
            "BEGIN",
        ):
            self._all(statement)
        found = self._all("SELECT name, pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1", (table,))
        if not found:
            raise NotFoundError("the database has no such table", given=table, hint="check the option table")
        self._columns = [TableColumn(name, TEXT, _as_text(quoted(name))) for name, _ in found]
        self._key = [name for name, place in sorted(found, key=lambda row: row[1]) if place]
        self._read = chosen(self._columns, wanted, table)
        self.schema = pa.schema([(column.name, pa.string()) for column in self._read])

    def standing(self, column: str, mark: Mark | None, lag: str) -> Standing:
        """Where the cursor column stands; days after tomorrow are left aside."""
        check_columns(self._columns, [column], self._name)
        kind = mark.kind if mark is not None else self._kind(column)
        name = quoted(column)
        counted = f"{name} COLLATE BINARY" if kind == TEXT else name
        where = f"typeof({name}) IN {_NUMERIC}"
        if kind == TEXT:
            where = (
                f"typeof({name}) = 'text' AND NOT ({name} GLOB '{_DATED}' "
                f"AND substr({name}, 1, 10) > '{self._tomorrow}')"
            )
        newest = f"(SELECT max({counted}) AS newest FROM {self._relation} WHERE {where})"
        since, behind = "NULL", "NULL"
        values: tuple[str, ...] = ()
        if mark is not None:
            edge, bound = _edge(mark, lag)
            since, behind, values = _typed("?1", kind), edge.replace("?1", "?2"), (mark.value, bound)
        [(value, is_ahead, is_behind)] = self._all(
            f"SELECT {_as_text('newest')}, coalesce(newest > {since}, 0), coalesce(newest < {behind}, 0) "
            f"FROM {newest}",
            values,
        )
        if mark is not None and not is_ahead:
            return Standing(mark, is_behind=bool(is_behind))
        text = value.removeprefix(_PRESENT)
        return Standing(Mark(column=column, kind=kind, value=text) if value else None, bool(is_ahead))

    def rows(self, selection: Selection) -> Generator[pa.RecordBatch]:
        """The rows, all values as texts; ties are broken by the primary key, else by all columns."""
        listed = ", ".join(f"{column.value} AS {quoted(column.name)}" for column in self._read)
        where = ""
        values: tuple[str, ...] = ()
        if selection.since is not None:
            where, values = self._from_mark(selection.since)
        elif selection.span is not None:
            where, values = self._within(selection.span)
        check_columns(self._columns, selection.order, self._name)
        order = dict.fromkeys((*selection.order, *self._key))
        if not self._key:
            order |= dict.fromkeys(column.name for column in self._read)
        # A value and its text: 1 and 1.0 are equal, yet written differently.
        ties = "" if self._key else "".join(f", typeof(t.{quoted(name)})" for name in order)
        # Of the table, not of the result, whose columns have the same names but are texts.
        ordered = ", ".join(f"t.{quoted(name)} COLLATE BINARY" for name in order) + ties
        query = f"SELECT {listed} FROM {self._relation} AS t{where} ORDER BY {ordered}"
        return self._streamed(query, values)

    def _kind(self, column: str) -> str:
        """Whether a cursor column holds numbers or texts: what most of its rows have."""
        name = quoted(column)
        [(numbers, texts)] = self._all(
            f"SELECT coalesce(sum(typeof({name}) IN {_NUMERIC}), 0), coalesce(sum(typeof({name}) = 'text'), "
            f"0) FROM {self._relation}"
        )
        return NUMBER if numbers >= texts else TEXT

    def _from_mark(self, since: Since) -> tuple[str, tuple[str, ...]]:
        check_columns(self._columns, [since.mark.column], self._name)
        name = quoted(since.mark.column)
        edge, bound = _edge(since.mark, since.lag)
        if since.mark.kind == TEXT:
            return f" WHERE ({name} COLLATE BINARY >= {edge} OR typeof({name}) <> 'text')", (bound,)
        return f" WHERE ({name} >= {edge} OR typeof({name}) NOT IN {_NUMERIC})", (bound,)

    def _within(self, span: Span) -> tuple[str, tuple[str, ...]]:
        check_columns(self._columns, [span.column], self._name)
        name = quoted(span.column)
        inside = f"{name} COLLATE BINARY >= ?1 AND {name} COLLATE BINARY < ?2"
        return f" WHERE typeof({name}) = 'text' AND {inside}", (span.start, span.end)

    def _streamed(self, query: str, values: tuple[str, ...]) -> Generator[pa.RecordBatch]:
        import adbc_driver_manager
        from adbc_driver_sqlite import StatementOptions

        try:
            options = {StatementOptions.BATCH_ROWS.value: str(_BATCH_ROWS)}
            with self._connection.cursor(adbc_stmt_kwargs=options) as cursor:
                cursor.execute(query, values or None)
                for batch in streamed(cursor):
                    # Without rows the driver knows no type.
                    if len(batch):
                        yield _without_marks(checked_batch(batch, self.schema))
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise _failure(error, self._name) from None

    def _all(self, query: str, values: tuple[str, ...] = ()) -> list[Any]:
        import adbc_driver_manager

        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return list(cursor.fetchall())
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise _failure(error, self._name) from None


def _as_text(name: str) -> str:
    """SQL of a value as text after a sign that there is one: the driver must never meet only NULLs."""
    # Fifteen digits are what the cast gives; where they are not enough, seventeen always are.
    real = (
        f"CASE WHEN CAST(CAST({name} AS TEXT) AS REAL) = {name} THEN CAST({name} AS TEXT) "
        f"ELSE printf('%!.17g', {name}) END"
    )
    return (
        f"CASE typeof({name}) WHEN 'null' THEN '' WHEN 'text' THEN '{_PRESENT}' || {name} "
        f"WHEN 'integer' THEN '{_PRESENT}' || CAST({name} AS TEXT) WHEN 'real' THEN '{_PRESENT}' || {real} "
        f"ELSE '{_PRESENT}\\x' || lower(hex({name})) END"
    )


def _without_marks(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), pc.utf8_slice_codeunits(column, 1))
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _typed(value: str, kind: str) -> str:
    return f"CAST({value} AS NUMERIC)" if kind == NUMBER else value


def _edge(mark: Mark, lag: str) -> tuple[str, str]:
    """SQL of a mark less the lag, and the text bound to its `?1`."""
    if mark.kind == TEXT:
        return "?1", earlier_text(mark.value, lag)
    if lag_seconds(lag) is not None:
        raise ConfigurationError(
            "the lag does not fit the cursor", given=f"lag {lag} of a number", allowed="a number"
        )
    return f"(CAST(?1 AS NUMERIC) - {int(lag)})", mark.value


def _failure(error: Exception, table: str) -> ShanhaiError:
    """What a failure means; the library's own text may quote values and is not told."""
    text = str(error)
    if any(word in text for word in _BUSY):
        return TransientError(f"{table} is locked", given="another process is writing")
    if "not a database" in text:
        return SourceError("the file is no SQLite database", given=table)
    if "malformed" in text or "disk I/O" in text or "disk image" in text:
        return SourceError(f"{table}: the file is damaged, or changed while it was read", hint="run it again")
    return ConfigurationError(
        f"{table} cannot be read", given=type(error).__name__, hint="compare the options with the table"
    )
