"""Our one Great Expectations expectation: every value that is there satisfies a condition in SQL.

GX has no regular expressions or types on DuckDB, and its `UnexpectedRowsExpectation` runs two queries per
rule. This one is counted with all native column expectations in a single pass. Import it only where GX runs.
"""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)


class ColumnValuesSatisfySql(ColumnMapMetricProvider):
    """Counts values for which the condition is not true, NULL included; missing values are left alone."""

    condition_metric_name = "column_values.satisfy_sql"
    condition_value_keys = ("condition",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, condition: str, **_: Any) -> Any:  # noqa: N805 - GX passes the class
        return sa.func.coalesce(sa.literal_column(f"({condition})"), sa.false())


class ExpectColumnValuesToSatisfySql(ColumnMapExpectation):
    """Args: column, and condition: a SQL expression over the columns of the batch."""

    condition: str

    map_metric: ClassVar[str] = "column_values.satisfy_sql"
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "mostly")
