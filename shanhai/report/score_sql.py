"""The SQL of the scorecard: per dimension one statement, whose rows are A and B of each indicator."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.quality.scorecard import RULES, indicators
from shanhai.report import calendar_sql, mart_sql, record_sql
from shanhai.report.data import ReportData
from shanhai.report.dataset import DatasetFacts
from shanhai.report.statements import COUNTS, Statement, scan, table

_SPLIT = "split_part(delivery, '/', 1)"
_NOTHING = "  SELECT '' AS indicator, '' AS dataset, '' AS delivery, 0 AS a, 0 AS b WHERE false"
_STAGINGS = (
    "read_json('staged/*/*/staging.json', columns = {delivery: 'VARCHAR', staging: 'VARCHAR',\n"
    "      filled: 'MAP(VARCHAR, BIGINT)', missing: 'VARCHAR[]', not_yet: 'VARCHAR[]',\n"
    "      unreadable: 'VARCHAR'})\n"
    "  JOIN standing USING (delivery, staging)"
)
_DISTRICT = "split_part(dataset, '.', 1) AS district"


def scores(data: ReportData, dimension: str) -> Statement:
    """A and B of each indicator of a dimension, by dataset."""
    sql = _grouped(_facts(data, dimension), "dataset")
    name = f"{dimension} by dataset"
    return Statement(name, sql, ("by_dataset", dimension), ("indicator", "dataset"))


def by_district(data: ReportData, dimension: str) -> Statement:
    """The same by district."""
    sql = _grouped(_facts(data, dimension), _DISTRICT)
    name = f"{dimension} by district"
    return Statement(name, sql, ("by_district", dimension), ("indicator", "district"))


def by_day(data: ReportData, dimension: str) -> Statement:
    """The same by district and day."""
    facts = _facts(data, dimension)
    if dimension == "timeliness":
        sql = _grouped(facts, _DISTRICT, "day")
    else:
        sql = _grouped(
            f"{facts},\n{calendar_sql.days(data)}", _DISTRICT, "day", rest=" JOIN days USING (delivery)"
        )
    name = f"{dimension} by district and day"
    return Statement(name, sql, ("by_day", dimension), ("indicator", "district", "day"))


def overall(data: ReportData, dimension: str) -> Statement:
    """The same over everything."""
    sql = _grouped(_facts(data, dimension))
    return Statement(f"{dimension} over all", sql, ("over_all", dimension), ("indicator",))


def by_delivery(data: ReportData, dataset: DatasetFacts, dimension: str) -> Statement:
    """The same by delivery of one dataset; timeliness, which windows have, by their day."""
    column = "day" if dimension == "timeliness" else "delivery"
    rest = f"\nWHERE dataset = {quote_literal(str(dataset.id))} AND {column} IS NOT NULL"
    sql = _grouped(_facts(data, dimension), column, rest=rest)
    name = f"{dimension} of {dataset.id} by {column}"
    return Statement(name, sql, (f"of_each_{column}", dimension, str(dataset.id)), ("indicator", column))


def _grouped(facts: str, *columns: str, rest: str = "") -> str:
    named = ", ".join(("indicator", *columns))
    return (
        f"WITH {facts}\nSELECT {named},\n  sum(a)::BIGINT AS a, sum(b)::BIGINT AS b\n"
        f"FROM facts{rest}\nGROUP BY ALL\nHAVING sum(b) > 0\nORDER BY ALL;"
    )


def _facts(data: ReportData, dimension: str) -> str:
    """Common table expressions that end in `facts(indicator, dataset, delivery, a, b)`."""
    parts = [part for name in indicators(dimension) if (part := _part(data, name))]
    union = "\n  UNION ALL\n".join(parts) or _NOTHING
    if dimension == "timeliness":
        return f"facts AS (\n{union if parts else _NOTHING.replace(' WHERE', ', NULL::DATE AS day WHERE')}\n)"
    return f"{record_sql.standing(data)},\n{_net(data)},\n{record_sql.broken(data)},\nfacts AS (\n{union}\n)"


def _net(data: ReportData) -> str:
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in COUNTS)
    return f"net AS (\n  SELECT delivery, {sums}\n  FROM {table(data, 'ledger')} GROUP BY delivery\n)"


def _part(data: ReportData, indicator: str) -> str:
    match indicator:
        case "conforming_values" | "given_values" | "accurate_values":
            return _rules(next(of for of, name in RULES.items() if name == indicator), indicator)
        case "expected_headings":
            named = "(len(map_keys(filled)) - coalesce(len(not_yet), 0))"
            return _staged(indicator, f"{named} - len(missing)", named, readable=True)
        case "readable_deliveries":
            return _staged(indicator, "(unreadable IS NULL)::BIGINT", "1")
        case "whole_records":
            rest = "FROM net LEFT JOIN malformed USING (delivery)"
            return _select(indicator, "rows_in - coalesce(malformed, 0)", "rows_in", rest)
        case "single_rows":
            return _select(indicator, "rows_in - duplicates", "rows_in", "FROM net")
        case "usable_rows":
            return _select(indicator, "loaded", "loaded + withheld", "FROM net")
        case "agreeing_deliveries":
            return _agreeing(data)
        case "holding_truths":
            return _truths(data)
        case _:
            return calendar_sql.ratios(data, indicator)


def _select(indicator: str, a: str, b: str, rest: str) -> str:
    return f"  SELECT '{indicator}' AS indicator, {_SPLIT} AS dataset, delivery, {a} AS a, {b} AS b\n  {rest}"


def _rules(dimension: str, indicator: str) -> str:
    asked = (
        "FROM (\n    SELECT delivery, unnest(checks, recursive := true)\n"
        f"    FROM {record_sql.VALIDATIONS}\n  )\n"
        "  JOIN net USING (delivery) LEFT JOIN broken USING (delivery, rule)\n"
        "  LEFT JOIN malformed USING (delivery)\n"
        f"  WHERE dimension = '{dimension}'"
    )
    checked = "rows_in - coalesce(malformed, 0)"
    return _select(indicator, f"{checked} - coalesce(broken, 0)", checked, asked)


def _staged(indicator: str, a: str, b: str, *, readable: bool = False) -> str:
    rest = f"FROM {_STAGINGS}\n  JOIN net USING (delivery)"
    return _select(indicator, a, b, rest + ("\n  WHERE unreadable IS NULL" if readable else ""))


def _agreeing(data: ReportData) -> str:
    counted = "\n    UNION ALL ".join(
        "SELECT _delivery AS delivery, count(*) AS rows FROM "
        f"{scan(f'{data.lake}/{one.id.district}/{one.id.name}', one.lake_version)} GROUP BY ALL"
        for one in data.datasets
        if one.lake_version is not None
    )
    counted = counted or "SELECT NULL::VARCHAR AS delivery, 0 AS rows WHERE false"
    rest = (
        f"FROM net FULL JOIN (\n    {counted}\n  ) AS lake USING (delivery)\n"
        "  WHERE coalesce(loaded, 0) > 0 OR rows > 0"
    )
    return _select("agreeing_deliveries", "(coalesce(loaded, 0) = coalesce(rows, 0))::BIGINT", "1", rest)


def _truths(data: ReportData) -> str:
    if data.truths is None:
        return ""
    return (
        "  SELECT 'holding_truths' AS indicator, dataset, NULL AS delivery,\n"
        "    (status = 'pass')::BIGINT AS a, 1 AS b\n  FROM (\n"
        "    SELECT truth.status AS status, unnest(truth.reads) AS dataset\n"
        f"    FROM (\n{mart_sql.commits(data)}\n    ) AS told, unnest(truths) AS named(truth)\n"
        f"    WHERE publication = {quote_literal(data.truths.publication_id)}\n  )\n"
        "  WHERE dataset NOT LIKE '\\_system.%' ESCAPE '\\'"
    )
