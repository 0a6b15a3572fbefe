"""Great Expectations over one DuckDB file: a suite in, the unexpected count of every rule out."""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shanhai.contracts.sql import quote_identifier
from shanhai.errors import ConfigurationError, FaultError
from shanhai.quality.checked import CHECKED

GX_VERSION = "1.24.1"
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""No sample of unexpected values: it could be personal, and each would cost a query."""


class _Dialect(enum.StrEnum):
    DUCKDB = "duckdb"


def count_unexpected(
    database: Path, suite: Mapping[str, Any], *, config: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, int]]:
    """Validate `checked` with a suite, in one run; nothing is written anywhere.

    Args:
        database: a DuckDB file that no other process writes; opened for reading only.
        suite: as rendered by `shanhai.contracts.render_suite`: `meta.rule` names each expectation's rule.
        config: DuckDB settings of the session, such as memory_limit and threads.

    Returns:
        The number of rows, and the unexpected count by rule.

    Raises:
        ConfigurationError: another version of Great Expectations is installed.
        FaultError: Great Expectations failed to evaluate an expectation.
    """
    import great_expectations as gx

    _prepare(gx.__version__)
    expectations = gx.ExpectationSuite(name=suite["name"], expectations=list(suite["expectations"]))
    with _batch(database, dict(config or {})) as batch:
        result = batch.validate(expectations, result_format=_COUNTS_ONLY)
    counts = {one.expectation_config.meta["rule"]: _count(one) for one in result.results}
    return int(result.results[0].result["element_count"]), counts


def _prepare(version: str) -> None:
    """Make GX keep its DuckDB connection open while it fetches, and know our expectation."""
    if version != GX_VERSION:
        raise ConfigurationError(
            "another version of Great Expectations is installed", given=version, allowed=GX_VERSION
        )
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    import shanhai.quality.satisfy  # noqa: F401 - importing it registers the expectation

    # Private, hence the version above: without it every column metric fetches from a closed connection.
    name = "_PERSISTED_CONNECTION_DIALECTS"
    known = getattr(engine, name)
    if _Dialect.DUCKDB not in known:
        setattr(engine, name, (*known, _Dialect.DUCKDB))
    _quote_every_keyword()
    _describe_columns()
    for noisy in ("great_expectations", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _quote_every_keyword() -> None:
    """Quote columns such as `at` or `left`: the dialect quotes only words that are reserved everywhere."""
    import duckdb
    from duckdb_engine import DuckDBIdentifierPreparer

    words = duckdb.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
    DuckDBIdentifierPreparer.reserved_words.update(word for (word,) in words)


def _describe_columns() -> None:
    """Let GX ask DuckDB for columns: its dialect asks PostgreSQL's catalogue, two fifths of a small gate."""
    from great_expectations.expectations.metrics.table_metrics import table_column_types
    from sqlalchemy import text

    def described(execution_engine: Any, table_selectable: object, **_: Any) -> list[dict[str, Any]]:
        query = text(f"DESCRIBE {quote_identifier(str(table_selectable))}")
        rows = execution_engine.execute_query(query).fetchall()
        return [{"name": name, "type": kind, "primary_key": False} for name, kind, *_ in rows]

    setattr(table_column_types, "get_sqlalchemy_column_metadata", described)  # noqa: B010 - private as well


@contextmanager
def _batch(database: Path, config: dict[str, str | int]) -> Iterator[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types import base

    # The default of an ephemeral context makes a temporary folder for its pages.
    settings = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        progress_bars=base.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context: Any = gx.get_context(mode="ephemeral", project_config=settings)
    source = context.data_sources.add_sql(
        "scratch",
        connection_string=f"duckdb:///{database}",
        create_temp_table=False,
        kwargs={"connect_args": {"read_only": True, "config": config}},
    )
    try:
        asset = source.add_table_asset(CHECKED, table_name=CHECKED)
        yield asset.add_batch_definition_whole_table("all").get_batch()
    finally:
        # Two engines hold the file: the one that tested the connection, and the one that counted.
        with source.get_execution_engine().get_connection() as connection:
            connection.close()
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _count(result: Any) -> int:
    unexpected = result.result.get("unexpected_count")
    if unexpected is None and result.success:
        return 0  # the sum over no rows at all
    if unexpected is None:
        rule = result.expectation_config.meta["rule"]
        # The engine's own message could quote a value, and values can be personal.
        raise FaultError(
            f"Great Expectations could not evaluate {rule}",
            hint="run the expectation's condition over `checked` in DuckDB to see why",
        )
    return int(unexpected)
