"""A table of PostgreSQL, read through ADBC in one REPEATABLE READ, READ ONLY transaction."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from shanhai.connect.database.adbc_rows import streamed
from shanhai.connect.database.line import Line
from shanhai.connect.database.mark import Mark, earlier_text, lag_seconds
from shanhai.connect.database.postgres_failure import failure
from shanhai.connect.database.postgres_types import ARROW, CURSORS, SPANS, check_readable, column_of
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
from shanhai.errors import ConfigurationError, NotFoundError, ShanhaiError

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

BATCH_BYTES = 4 * 2**20
_SESSION = {
    # The forms in which values become texts; the rest keeps the session from waiting, writing and guessing.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "client_encoding": "UTF8",
    "search_path": "",
    "default_transaction_read_only": "on",
    "application_name": "shanhai",
}
_COLUMNS = """
    WITH RECURSIVE at_bottom(oid, base) AS (
        SELECT oid, oid FROM pg_catalog.pg_type WHERE typtype <> 'd'
        UNION ALL
        SELECT t.oid, b.base FROM pg_catalog.pg_type t JOIN at_bottom b ON t.typbasetype = b.oid
        WHERE t.typtype = 'd'
    )
    SELECT a.attname::text, t.typname::text, t.typtype::text, coalesce(e.typname::text, ''),
           coalesce(e.typtype::text, ''), coalesce(array_position(i.indkey::int2[], a.attnum), -1)::int
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN at_bottom d ON d.oid = a.atttypid
    JOIN pg_catalog.pg_type t ON t.oid = d.base
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Limits:
    """Seconds: of a lock, or an answer without work; of work without a sign; of a whole statement."""

    wait: float
    silence: float
    statement: float


class PostgresTable:
    """One table or view; see `Table`.

    Args:
        connection: an ADBC connection that was just opened, in autocommit.
        schema, table: names as the database has them.
        wanted: the columns to read; None means all.
        line: that the connection goes over.
        limits: of time.
    """

    def __init__(
        self,
        connection: Connection,
        schema: str,
        table: str,
        wanted: Sequence[str] | None,
        *,
        line: Line,
        limits: Limits,
    ) -> None:
        self._connection = connection
        self._line = line
        self._limits = limits
        self._name = f"{schema}.{table}"
        self._relation = f"{quoted(schema)}.{quoted(table)}"
        self._begin()
        found = self._all("describe", _COLUMNS, (schema, table))
        if not found:
            raise NotFoundError(
                "the database has no such table, or none that its user may see",
                given=self._name,
                hint="check the option table, and what the user was granted",
            )
        self._columns = [column_of(*row[:5]) for row in found]
        self._key = [row[0] for row in sorted(found, key=lambda row: row[5]) if row[5] >= 0]
        self._read = chosen(self._columns, wanted, self._name)
        check_readable(self._read)
        self.schema = pa.schema([(column.name, _arrow(column)) for column in self._read])

    def standing(self, column: str, mark: Mark | None, lag: str) -> Standing:
        """Where the cursor column stands; stamps in the future of the database's clock are left aside."""
        kind = self._type_of(column, CURSORS, "a cursor")
        known = mark if mark is not None and mark.kind == kind else None
        name = quoted(column)
        values = {"since": known.value if known else ""}
        since = f"nullif({_setting('since')}, '')::{kind}{_collated(kind)}"
        behind = f"max({name}) < {_less(since, kind, lag, values)}" if known else "false"
        [(value, is_ahead, is_behind)] = self._all(
            "newest",
            f"SELECT max({name}{_collated(kind)})::text, coalesce(max({name}{_collated(kind)}) > {since}, "
            f"false), coalesce({behind}, false) FROM {self._relation} WHERE {_not_future(name, kind)}",
            values=values,
        )
        newest = None if value is None else Mark(column=column, kind=kind, value=value)
        return Standing(known if known and not is_ahead else newest, bool(is_ahead), bool(is_behind))

    def rows(self, selection: Selection) -> Generator[pa.RecordBatch]:
        """The rows, in COPY's binary form; ties are broken by the primary key, else by all columns."""
        values: dict[str, str] = {}
        listed = ", ".join(f"{column.value} AS {quoted(column.name)}" for column in self._read)
        query = f"SELECT {listed} FROM {self._relation} AS t"
        if selection.since is not None:
            query += f" WHERE {self._from_mark(selection.since, values)}"
        elif selection.span is not None:
            query += f" WHERE {self._within(selection.span, values)}"
        query += f" ORDER BY {', '.join(self._order(selection.order))}"
        return self._streamed(query, values)

    def _begin(self) -> None:
        limits = {
            "lock_timeout": self._limits.wait,
            "statement_timeout": self._limits.statement,
            "idle_in_transaction_session_timeout": self._limits.statement,
        }
        told = {name: str(math.ceil(seconds * 1000)) for name, seconds in limits.items()}
        for name, value in (_SESSION | told).items():
            self._all("set", "SELECT set_config($1, $2, false)", (name, value))
        self._run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def _from_mark(self, since: Since, values: dict[str, str]) -> str:
        kind = self._type_of(since.mark.column, CURSORS, "a cursor")
        name = quoted(since.mark.column)
        values["since"] = since.mark.value
        edge = _less(f"{_setting('since')}::{kind}", kind, since.lag, values)
        return f"({name}{_collated(kind)} >= {edge} OR {name} IS NULL)"

    def _within(self, span: Span, values: dict[str, str]) -> str:
        kind = self._type_of(span.column, SPANS, "a window")
        values |= {"from": span.start, "until": span.end}
        first, last = (f"{_setting(name)}::{kind}" for name in ("from", "until"))
        if kind == "timestamptz":
            if span.time_zone is None:
                raise ConfigurationError(
                    f"table {self._name}: window.time_zone is missing",
                    given=f"{span.column}, timestamptz",
                    allowed="an IANA name: the calendar of the windows",
                )
            values["zone"] = span.time_zone
            first, last = (
                f"({_setting(name)}::timestamp AT TIME ZONE {_setting('zone')})" for name in ("from", "until")
            )
        return f"{quoted(span.column)} >= {first} AND {quoted(span.column)} < {last}"

    def _order(self, first: Sequence[str]) -> Iterator[str]:
        check_columns(self._columns, first, self._name)
        named = list(dict.fromkeys((*first, *self._key)))
        plain = {column.name: column for column in self._columns}
        for name in named:
            # Of json and xml there is no order, of their texts there is.
            # Of the table, not of the result, whose columns have the same names but may be texts.
            yield f"t.{quoted(name)}" if plain[name].type not in ("json", "xml") else _bytewise(name)
        if not self._key:
            yield from (_bytewise(column.name) for column in self._read if column.name not in named)

    def _type_of(self, name: str, allowed: Mapping[str, str], what: str) -> str:
        check_columns(self._columns, [name], self._name)
        found = next(column.type for column in self._columns if column.name == name)
        if found not in allowed:
            raise ConfigurationError(
                f"table {self._name}: {what} of another type", given=f"{name}, {found}", allowed=list(allowed)
            )
        return allowed[found]

    def _streamed(self, query: str, values: Mapping[str, str]) -> Generator[pa.RecordBatch]:
        import adbc_driver_manager
        from adbc_driver_postgresql import StatementOptions

        options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
        try:
            self._bind(values)
            with self._connection.cursor(adbc_stmt_kwargs=options) as cursor:
                with self._working():
                    cursor.execute(query)
                for batch in streamed(cursor, self._working):
                    yield checked_batch(batch, self.schema)
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error, "read") from None
        except GeneratorExit:
            # Otherwise the driver would read to the end of what nobody wants.
            self._line.close()
            raise

    def _working(self) -> AbstractContextManager[None]:
        return self._line.waiting(self._limits.silence)

    def _failure(self, error: Exception, doing: str) -> ShanhaiError:
        return failure(error, self._name, doing, silent=self._line.was_silent)

    def _bind(self, values: Mapping[str, str]) -> None:
        # A query with parameters would come whole instead of streamed: they are bound to settings of the
        # transaction, to which the query refers.
        for name, value in values.items():
            self._all("bind", "SELECT set_config($1, $2, true)", (f"shanhai.{name}", value))

    def _all(
        self,
        what: str,
        query: str,
        parameters: tuple[str, ...] = (),
        *,
        values: Mapping[str, str] | None = None,
    ) -> list[Any]:
        import adbc_driver_manager

        self._bind(values or {})
        patience = self._limits.silence if what == "newest" else self._limits.wait
        try:
            with self._line.waiting(patience), self._connection.cursor() as cursor:
                cursor.execute(query, parameters or None)
                return list(cursor.fetchall())
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error, what) from None

    def _run(self, statement: str) -> None:
        import adbc_driver_manager

        try:
            with self._line.waiting(self._limits.wait), self._connection.cursor() as cursor:
                cursor.execute(statement)
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error, "begin") from None


def _arrow(column: TableColumn) -> pa.DataType:
    return ARROW.get(column.type, pa.string())


def _setting(name: str) -> str:
    return f"pg_catalog.current_setting('shanhai.{name}')"


def _collated(kind: str) -> str:
    return ' COLLATE "C"' if kind == "text" else ""


def _bytewise(name: str) -> str:
    return f't.{quoted(name)}::text COLLATE "C"'


def _less(value: str, kind: str, lag: str, values: dict[str, str]) -> str:
    """SQL of a mark's value less the lag, in the arithmetic of its type."""
    seconds = lag_seconds(lag)
    if kind == "text":
        values["since"] = earlier_text(values["since"], lag)
        return value
    is_time = kind in ("date", "timestamp", "timestamptz")
    if lag == "0" or seconds == 0:
        return value
    if is_time != (seconds is not None):
        raise ConfigurationError(
            "the lag does not fit the cursor",
            given=f"lag {lag} of a {kind}",
            allowed="such as 15m or 2h" if is_time else "a number",
        )
    values["lag"] = lag if seconds is None else f"{seconds} seconds"
    return f"({value} - {_setting('lag')}::{'interval' if is_time else kind})"


def _not_future(name: str, kind: str) -> str:
    match kind:
        case "timestamptz":
            return f"{name} <= pg_catalog.now()"
        case "timestamp" | "date":
            # Without a zone a stamp may be local: one ahead of UTC is not taken for a mark, and comes again.
            return f"{name} <= (pg_catalog.now() AT TIME ZONE 'UTC')::{kind}"
        case "numeric":
            return f"{name}::text NOT IN ('NaN', 'Infinity', '-Infinity')"
        case _:
            return "true"
