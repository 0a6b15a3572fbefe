"""A contract's own queries over one delivery: guarded, read-only, bounded, one answer each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from shanhai.contracts.model import Contract
from shanhai.contracts.queries import DELIVERY_VIEW, Query
from shanhai.contracts.sql import quote_identifier
from shanhai.errors import ContractError, DeniedError
from shanhai.quality.checked import CHECKED, TEXTS, checked_select, value_of
from shanhai.quality.enclosure import Asked, Told, TooLongError, ask
from shanhai.quality.guard import check_query

TIME_LIMIT = 60.0
"""Seconds that a query may take."""

MEMORY_LIMIT = "1GB"
"""What the engine may use where no setting says it: when a contract is checked without a node."""

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
    asked = Asked(
        sql="",
        before=(
            f"CREATE TABLE raw AS SELECT {names}, '' AS _body, NULL::VARCHAR AS _malformed LIMIT 0",
            f"CREATE TABLE {CHECKED} AS SELECT *, false AS _broken FROM ({checked_select(contract)})",
            _delivery(contract),
        ),
        seconds=TIME_LIMIT,
        config={"memory_limit": MEMORY_LIMIT},
    )
    for query in contract.queries:
        _check_one(asked, contract, query)


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
    asked = Asked(
        sql="",
        before=(_delivery(contract),),
        seconds=time_limit,
        database=database.as_posix(),
        # The delivery's own text, which `checked` reads where it lies.
        files=tuple(text.as_posix() for text in sorted(database.parent.glob(TEXTS))),
        config=config or {},
    )
    return [_ask(asked, contract, query) for query in contract.queries]


def _delivery(contract: Contract) -> str:
    values = ", ".join(
        f"{value_of(column)} AS {quote_identifier(column.name)}" for column in contract.columns
    )
    return f"CREATE TEMP VIEW {DELIVERY_VIEW} AS SELECT {values} FROM {CHECKED} WHERE NOT _broken"


def _check_one(asked: Asked, contract: Contract, query: Query) -> None:
    _guard(contract, query)
    # Describing computes what is constant, which can be anything.
    told = _told(replace(asked, sql=f"DESCRIBE {query.sql}"), contract, query)
    if told.error:
        raise _wrong(contract, query, "cannot be evaluated", query.sql, "SQL of DuckDB", told.said)
    types = [str(row[1]) for row in told.rows]
    if len(types) != 1 or types[0].partition("(")[0].removeprefix("U") not in _ANSWERS:
        raise _wrong(contract, query, "gives no number", ", ".join(types), "one column, number or boolean")


def _told(asked: Asked, contract: Contract, query: Query) -> Told:
    try:
        return ask(asked)
    except TooLongError as error:
        raise _wrong(contract, query, "takes too long", "more", f"{asked.seconds:g} s") from error


def _guard(contract: Contract, query: Query) -> None:
    try:
        check_query(query.sql, contract.names)
    except DeniedError as error:
        raise _wrong(contract, query, error.message, error.given, error.allowed) from error


def _ask(asked: Asked, contract: Contract, query: Query) -> QueryResult:
    _guard(contract, query)
    told = _told(replace(asked, sql=query.sql), contract, query)
    if told.error:
        # The engine's own message could quote a value, and values can be personal.
        raise _wrong(contract, query, "failed", told.error, "try_cast, nullif …")
    answer = told.rows[0][0] if len(told.rows) == 1 and len(told.rows[0]) == 1 else ""
    if isinstance(answer, str):
        raise _wrong(contract, query, "gives no single answer", f"{len(told.rows)} rows", "one number")
    number = float(answer) if isinstance(answer, Decimal) else answer
    given = "nothing" if answer is None else str(answer).lower()
    return QueryResult(query, given, query.holds(number))


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
