"""A table of a database as a connector reads it: what it has, what is asked of it, and what it promises."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from shanhai.connect.database.mark import Mark
from shanhai.errors import ConfigurationError, as_typed


@dataclass(frozen=True)
class TableColumn:
    """A column: its name, its type in the database's words, and the SQL of its value as it is handed on."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class Since:
    """Rows from a mark on, less a lag, and those that have no place before or after it."""

    mark: Mark
    lag: str = "0"


@dataclass(frozen=True)
class Span:
    """Rows of a half-open interval of days: `start` ≤ column < `end`, both ISO, in `time_zone`."""

    column: str
    start: str
    end: str
    time_zone: str | None = None


@dataclass(frozen=True)
class Selection:
    """Which rows, and the columns that order them first; the table breaks ties until nothing is left open."""

    order: tuple[str, ...] = ()
    since: Since | None = None
    span: Span | None = None


@dataclass(frozen=True)
class Standing:
    """Where a cursor column stands: its greatest value that is not in the future, and against a mark.

    `is_behind` tells that the table has less than a mark says, by more than the lag: newer rows are gone.
    """

    mark: Mark | None
    is_ahead: bool = False
    is_behind: bool = False


class Table(Protocol):
    """One table within one read-only transaction: all answers are of the same moment.

    Whatever fails is a `SourceError` (a `TransientError` where a try may help), a `ConfigurationError`
    or a `DeniedError`, and quotes neither values nor secrets.
    """

    @property
    def schema(self) -> pa.Schema:
        """Names and Arrow types of the columns that are read."""
        ...

    def standing(self, column: str, mark: Mark | None, lag: str) -> Standing:
        """Where the cursor column stands."""
        ...

    def rows(self, selection: Selection) -> Generator[pa.RecordBatch]:
        """The rows, streamed; the same rows come in the same order."""
        ...


def chosen(columns: Sequence[TableColumn], wanted: Collection[str] | None, table: str) -> list[TableColumn]:
    """The columns that are wanted, in the order in which they are; all of them when None.

    Raises:
        ConfigurationError: one is not there.
    """
    if wanted is None:
        return list(columns)
    check_columns(columns, wanted, table)
    known = {column.name: column for column in columns}
    return [known[name] for name in wanted]


def check_columns(columns: Sequence[TableColumn], wanted: Collection[str], table: str) -> None:
    """Refuse names of columns that the table does not have.

    Raises:
        ConfigurationError: naming them, and what there is.
    """
    names = [column.name for column in columns]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ConfigurationError(
            f"table {table} has no such column",
            given=", ".join(missing),
            allowed=names,
            hint="was it renamed or dropped? compare the options of the source with the table",
        )


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever is in it.

    Raises:
        ConfigurationError: no identifier can be made of it.
    """
    if not name or "\0" in name:
        raise ConfigurationError("not a name of a table or column", given=as_typed(name))
    return '"' + name.replace('"', '""') + '"'


def checked_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch in the table's own schema, its texts known to be UTF-8.

    Raises:
        DataError: a text is not; nothing of it is told but its column.
    """
    from shanhai.errors import DataError

    columns = []
    for field, column in zip(schema, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise DataError(
                f"column {field.name} has texts that are not UTF-8",
                allowed="text in UTF-8",
                hint="leave the column out with the option columns, or have the source correct it",
            ) from None
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)
