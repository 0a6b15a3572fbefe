"""A contract's own queries over one delivery: guarded, read-only, bounded, one answer each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from shanhai.contracts.model import Contract
from shanhai.contracts.queries import DELIVERY_VIEW, Query
from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.errors import ContractError, DeniedError
from shanhai.quality.checked import CHECKED, TEXTS, checked_select, value_of
from shanhai.quality.guard import check_query

TIME_LIMIT = 60.0
"""Seconds that a query may take."""

_ANSWERS = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class QueryResult:
    """One query over the rows of a delivery that break no rule; `given` is its answer as text."""

    query: Query
    given: str
    success: bool


def check_queries(contract: Contract) -> None:
    """Refuse queries that are not allowed, or that the engine does not understand, before there is any data.

    Raises:
        ContractError: the first of them, with its line.
    """
    if not contract.queries:
        return
    names = ", ".join(f"NULL::VARCHAR AS {quote_identifier(name)}" for name in contract.names)
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE raw AS SELECT {names}, '' AS _body, NULL::VARCHAR AS _malformed LIMIT 0")
        con.execute(f"CREATE TABLE {CHECKED} AS SELECT *, false AS _broken FROM ({checked_select(contract)})")
        _show_delivery(con, contract)
        _lock(con)
        for query in contract.queries:
            _check_one(con, contract, query)


def run_queries(
    contract: Contract,
    database: Path,
    *,
    config: Mapping[str, Any] | None = None,
    time_limit: float = TIME_LIMIT,
) -> list[QueryResult]:
    """Ask every query of a contract, in its order.

    Args:
        database: the scratch file of the delivery with the view `checked`, which nobody has open.
        config: DuckDB settings of the session, such as memory_limit.
        time_limit: seconds that each query may take.

    Raises:
        ContractError: a query is not allowed, fails, takes too long or too much, or gives no single answer.
    """
    if not contract.queries:
        return []
    # One thread: sums of floating-point numbers depend on their order.
    settings = {**(config or {}), "threads": 1}
    with duckdb.connect(str(database), read_only=True, config=settings) as con:
        _show_delivery(con, contract)
        _lock(con, texts=sorted(database.parent.glob(TEXTS)))
        return [_ask(con, contract, query, time_limit) for query in contract.queries]


def _show_delivery(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    values = ", ".join(
        f"{value_of(column)} AS {quote_identifier(column.name)}" for column in contract.columns
    )
    con.execute(f"CREATE TEMP VIEW {DELIVERY_VIEW} AS SELECT {values} FROM {CHECKED} WHERE NOT _broken")


def _lock(con: duckdb.DuckDBPyConnection, *, texts: Sequence[Path] = ()) -> None:
    """Make impossible what the guard refuses: files, extensions, values of Python, settings.

    Args:
        texts: the delivery's own text, which `checked` reads where it lies.
    """
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET python_enable_replacements = false")
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    con.execute(f"SET allowed_paths = [{', '.join(quote_literal(text.as_posix()) for text in texts)}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _check_one(con: duckdb.DuckDBPyConnection, contract: Contract, query: Query) -> None:
    _guard(contract, query)
    try:
        types = [str(kind) for _, kind, *_ in con.execute(f"DESCRIBE {query.sql}").fetchall()]
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise _wrong(contract, query, "cannot be evaluated", query.sql, "SQL of DuckDB", said) from error
    if len(types) != 1 or types[0].partition("(")[0].removeprefix("U") not in _ANSWERS:
        raise _wrong(contract, query, "gives no number", ", ".join(types), "one column, number or boolean")


def _guard(contract: Contract, query: Query) -> None:
    try:
        check_query(query.sql, contract.names)
    except DeniedError as error:
        raise _wrong(contract, query, error.message, error.given, error.allowed) from error


def _ask(con: duckdb.DuckDBPyConnection, contract: Contract, query: Query, time_limit: float) -> QueryResult:
    _guard(contract, query)
    try:
        with _interrupted(con, time_limit):
            rows = con.execute(query.sql).fetchmany(2)
    except duckdb.InterruptException as error:
        raise _wrong(contract, query, "takes too long", "more", f"{time_limit:g} s") from error
    except duckdb.Error as error:
        # The engine's own message could quote a value, and values can be personal.
        raise _wrong(contract, query, "failed", type(error).__name__, "try_cast, nullif …") from error
    if len(rows) != 1 or len(rows[0]) != 1:
        raise _wrong(contract, query, "gives no single answer", f"{len(rows)} rows or more", "one row")
    (answer,) = rows[0]
    number = float(answer) if isinstance(answer, Decimal) else answer
    given = "nothing" if answer is None else str(answer).lower()
    return QueryResult(query, given, query.holds(number))


@contextmanager
def _interrupted(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, con.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _wrong(
    contract: Contract, query: Query, what: str, given: object, allowed: object, hint: str = ""
) -> ContractError:
    return ContractError(
        f"quality {query.name}: {what.removeprefix('the query ')}",
        file=contract.path.as_posix(),
        line=query.line,
        given=given,
        allowed=allowed,
        hint=hint,
    )
