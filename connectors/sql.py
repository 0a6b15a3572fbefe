"""A table of PostgreSQL or SQLite as one Parquet file, whole, by windows, or what is new since a cursor."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from shanhai.connect.database.mark import LAG, Mark, read_mark
from shanhai.connect.database.postgres_server import (
    DatabaseAuth,
    SslMode,
    connected,
    is_postgres,
    parse_server,
)
from shanhai.connect.database.sqlite_file import database_file, sqlite_connection
from shanhai.connect.database.table import Selection, Since, Span, Table
from shanhai.connect.options import Options, read_options
from shanhai.connect.protocol import Body, ConnectContext
from shanhai.connect.retry import retrying
from shanhai.connect.window import WindowKey, day_span, windows_asked
from shanhai.errors import ConfigurationError, DataError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE = "application/vnd.apache.parquet"
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("an IANA name such as Asia/Shanghai") from error
    return name


class CursorOption(Options):
    """The column whose values only grow, and how far back rows may still come in."""

    column: str = Field(min_length=1)
    lag: str = Field(default="0", description="15m, 2h, 1d of a time; a number of a number")

    @field_validator("lag", mode="before")
    @classmethod
    def _is_lag(cls, given: object) -> object:
        if not LAG.fullmatch(str(given)):
            raise ValueError("such as 90s, 15m, 2h or 1d, or a whole number")
        return str(given)


class WindowOption(Options):
    """The column that tells to which window a row belongs."""

    column: str = Field(min_length=1)
    time_zone: Annotated[str, AfterValidator(_check_zone)] | None = Field(
        default=None, description="IANA zone of the windows' calendar; needed for instants"
    )


class SqlOptions(Options):
    """Options of the connector `sql`."""

    table: str = Field(min_length=1, description="of PostgreSQL schema.table; of SQLite the name")
    file: str | None = Field(default=None, min_length=1, description="of SQLite: path below the endpoint")
    columns: tuple[str, ...] | None = Field(default=None, min_length=1, description="None: all")
    order_by: tuple[str, ...] = Field(default=(), description="the order of rows, before the primary key")
    cursor: CursorOption | None = Field(default=None, description="pull only what is new")
    window: WindowOption | None = Field(default=None, description="pull one window at a time")
    windows: tuple[WindowKey, ...] = Field(default=(), description="what a pull without a window asks for")
    batch_rows: int = Field(default=50_000, ge=1, le=1_000_000, description="rows of a row group")
    auth: DatabaseAuth | None = Field(default=None, description="PostgreSQL only")
    sslmode: SslMode | None = Field(default=None, description="PostgreSQL only; verify-full by default")
    max_silence_seconds: float = Field(
        default=600, gt=0, le=86_400, description="PostgreSQL only; longest work on a query without a sign"
    )

    @model_validator(mode="after")
    def _one_way(self) -> SqlOptions:
        if self.cursor is not None and self.window is not None:
            raise ValueError("give cursor or window, not both")
        if self.windows and self.window is None:
            raise ValueError("windows need the option window")
        if self.columns and len(set(self.columns)) < len(self.columns):
            raise ValueError("a column is listed twice")
        return self


class SqlConnector:
    """Rows of a table, in an order that the same rows always have, read in one read-only transaction.

    A whole or a windowed pull gives one body a window. An incremental pull gives what is new since
    `context.cursor`, with the rows at the mark itself and within the lag again, or no body if nothing is.
    """

    options_model = SqlOptions

    def __init__(self, options: Mapping[str, Any], context: ConnectContext) -> None:
        self._options = read_options(SqlOptions, options, connector="sql")
        self._context = context
        postgres = is_postgres(context.endpoint)
        if postgres:
            parse_server(context.endpoint)
        elif "://" in context.endpoint:
            raise ConfigurationError(
                "connector sql: no database is at this endpoint",
                given=f"{context.endpoint.partition('://')[0]}://…",
                allowed="postgresql://host:port/database, or a folder with SQLite files",
            )
        _check_fit(self._options, postgres=postgres)

    def pull(self, window: str | None) -> Iterator[Body]:
        """One Parquet body: `<table>.parquet`, below the window's key where there are windows."""
        if self._options.window is None:
            # A scheduled run has a key, which here selects nothing: it is when, and not what.
            window = None
        for asked in windows_asked(window, self._options.windows):
            with self._opened(asked) as answer:
                if answer is not None:
                    yield self._body(answer, asked)

    @contextmanager
    def _opened(self, window: str | None) -> Iterator[_Answer | None]:
        """The answer with its first rows at hand; until then everything is tried again."""
        with ExitStack() as kept:
            for attempt in retrying(self._context.attempts, self._context.sleep):
                with attempt, ExitStack() as stack:
                    answer = self._asked(stack.enter_context(self._table()), window)
                    if answer is not None:
                        stack.callback(answer.close)
                    kept.enter_context(stack.pop_all())
            yield answer

    @contextmanager
    def _table(self) -> Iterator[Table]:
        from shanhai.connect.database.postgres import Limits, PostgresTable
        from shanhai.connect.database.sqlite import SqliteTable

        options, context = self._options, self._context
        if options.auth is None:
            file = database_file(context.endpoint, options.file or "", context.allowed_roots)
            with sqlite_connection(file) as connection:
                seconds = context.timeout_seconds
                yield SqliteTable(
                    connection, options.table, options.columns, seconds=seconds, now=context.clock()
                )
            return
        server = parse_server(context.endpoint)
        password = context.secret(options.auth.secret)
        mode = options.sslmode or "verify-full"
        schema, table = options.table.split(".", 1)
        seconds = context.timeout_seconds
        limits = Limits(seconds, options.max_silence_seconds, context.max_body_seconds)
        with connected(server, options.auth, password, mode, seconds) as (connection, line):
            yield PostgresTable(connection, schema, table, options.columns, line=line, limits=limits)

    def _asked(self, table: Table, window: str | None) -> _Answer | None:
        options = self._options
        if options.cursor is not None:
            return self._since(table, options.cursor)
        span = None
        if options.window is not None and window is not None:
            span = Span(options.window.column, *day_span(window), options.window.time_zone)
        answer = _Answer(table, table.rows(Selection(options.order_by, span=span)))
        if span is not None and not answer.has_rows:
            raise SourceError(
                f"there is no row for window {window}", given=options.table, hint="it may not be there yet"
            )
        return answer

    def _since(self, table: Table, cursor: CursorOption) -> _Answer | None:
        """What is new since the mark; None when nothing is."""
        mark = read_mark(self._context.cursor, cursor.column)
        standing = table.standing(cursor.column, mark, cursor.lag)
        if standing.is_behind:
            raise ConfigurationError(
                f"table {self._options.table} ends before the mark of what was read already",
                given=f"cursor {cursor.column}",
                allowed="values that only grow",
                hint="were rows deleted, or an older copy restored? then pull it whole with --full",
            )
        new = standing.mark
        if new is not None:
            new = new.model_copy(update={"tail": self._tail(table, new, cursor.lag)})
        since = None if mark is None or new is None or new.kind != mark.kind else Since(mark, cursor.lag)
        if since is not None and not standing.is_ahead and new == mark:
            return None
        answer = _Answer(table, table.rows(Selection(self._order, since=since)), new)
        return answer if answer.has_rows else None

    @property
    def _order(self) -> tuple[str, ...]:
        first = (self._options.cursor.column,) if self._options.cursor else ()
        return self._options.order_by or first

    def _tail(self, table: Table, mark: Mark, lag: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._parquet(table, table.rows(Selection(self._order, since=Since(mark, lag)))):
            digest.update(chunk)
        return digest.hexdigest()[:16]

    def _parquet(self, table: Table, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
        from shanhai.connect.database.parquet_stream import parquet_chunks

        return parquet_chunks(table.schema, batches, group_rows=self._options.batch_rows)

    def _body(self, answer: _Answer, window: str | None) -> Body:
        options, context = self._options, self._context
        name = _NOT_IN_NAMES.sub("_", options.table).lstrip(".") or "table"
        folder = f"{window}/" if window is not None else ""
        if is_postgres(context.endpoint):
            origin = f"{parse_server(context.endpoint).told}/{options.table}"
        else:
            origin = f"{context.endpoint}/{options.file}/{options.table}"
        facts = {"cursor": answer.mark.text()} if answer.mark is not None else {}
        chunks = self._within_limits(self._parquet(answer.table, answer.batches()))
        return Body(f"{folder}{name}.parquet", origin, MEDIA_TYPE, chunks, facts)

    def _within_limits(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        context = self._context
        size, deadline = 0, context.monotonic() + context.max_body_seconds
        for chunk in chunks:
            size += len(chunk)
            if size > context.max_body_bytes:
                raise DataError(
                    "a table is larger than allowed",
                    given=self._options.table,
                    allowed=f"{context.max_body_bytes} bytes",
                    hint="pull it by windows, or fewer columns",
                )
            if context.monotonic() > deadline:
                raise SourceError(
                    "a table took too long",
                    given=self._options.table,
                    allowed=f"{context.max_body_seconds} s",
                )
            yield chunk


@dataclass
class _Answer:
    """The rows of a table, the first of them at hand, and the mark that they reach."""

    table: Table
    rows: Generator[pa.RecordBatch]
    mark: Mark | None = None

    def __post_init__(self) -> None:
        self._first = next((batch for batch in self.rows if len(batch)), None)

    @property
    def has_rows(self) -> bool:
        """Whether there is any."""
        return self._first is not None

    def close(self) -> None:
        """Give up the rows that were not read: a connection closes only without them."""
        self.rows.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, once."""
        return chain([self._first] if self._first is not None else [], self.rows)


def _check_fit(options: SqlOptions, *, postgres: bool) -> None:
    """Refuse options of the other kind of database."""
    if postgres:
        wrong = [("file", options.file is not None)]
        missing = [("auth", options.auth is None), ("table as schema.table", "." not in options.table)]
    else:
        wrong = [("auth", options.auth is not None), ("sslmode", options.sslmode is not None)]
        missing = [("file", options.file is None)]
    kind = "PostgreSQL" if postgres else "SQLite"
    for option, is_so in wrong:
        if is_so:
            raise ConfigurationError(f"connector sql: {option} is no option of {kind}", given=option)
    for option, is_so in missing:
        if is_so:
            raise ConfigurationError(f"connector sql: {kind} needs {option}", given="none", allowed=option)
