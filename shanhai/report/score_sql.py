"""The SQL of the scorecard: per dimension one statement, whose rows are A and B of each indicator."""

from __future__ import annotations

from datetime import UTC

from shanhai.contracts.sql import quote_literal
from shanhai.quality.scorecard import RULES, indicators
from shanhai.report import statements
from shanhai.report.data import ReportData
from shanhai.report.dataset import DatasetFacts
from shanhai.report.statements import Statement

_SPLIT = "split_part(delivery, '/', 1)"
_NOTHING = "  SELECT '' AS indicator, '' AS dataset, '' AS delivery, 0 AS a, 0 AS b WHERE false"
_STAGINGS = (
    "read_json('staged/*/staging.json', columns = {delivery: 'VARCHAR',\n"
    "      filled: 'MAP(VARCHAR, BIGINT)', missing: 'VARCHAR[]', unreadable: 'VARCHAR'})"
)


def scores(data: ReportData, dimension: str) -> Statement:
    """A and B of each indicator of a dimension, by dataset."""
    sql = (
        f"WITH {_facts(data, dimension)}\n"
        "SELECT indicator, dataset, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b\nFROM facts\n"
        "GROUP BY ALL\nHAVING sum(b) > 0\nORDER BY ALL;"
    )
    return Statement(f"{dimension} by dataset", sql, ("indicator", "dataset"))


def by_district(data: ReportData, dimension: str) -> Statement:
    """The same by district."""
    sql = (
        f"WITH {_facts(data, dimension)}\n"
        "SELECT indicator, split_part(dataset, '.', 1) AS district,\n"
        "  sum(a)::BIGINT AS a, sum(b)::BIGINT AS b\n"
        "FROM facts\nGROUP BY ALL\nHAVING sum(b) > 0\nORDER BY ALL;"
    )
    return Statement(f"{dimension} by district", sql, ("indicator", "district"))


def overall(data: ReportData, dimension: str) -> Statement:
    """The same over everything."""
    sql = (
        f"WITH {_facts(data, dimension)}\n"
        "SELECT indicator, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b\n"
        "FROM facts\nGROUP BY ALL\nHAVING sum(b) > 0\nORDER BY ALL;"
    )
    return Statement(f"{dimension} over all", sql, ("indicator",))


def by_delivery(data: ReportData, dataset: DatasetFacts, dimension: str) -> Statement:
    """The same by delivery of one dataset; only indicators that deliveries have."""
    sql = (
        f"WITH {_facts(data, dimension)}\n"
        "SELECT indicator, delivery, sum(a)::BIGINT AS a, sum(b)::BIGINT AS b\nFROM facts\n"
        f"WHERE dataset = {quote_literal(str(dataset.id))} AND delivery IS NOT NULL\n"
        "GROUP BY ALL\nHAVING sum(b) > 0\nORDER BY ALL;"
    )
    return Statement(f"{dimension} of {dataset.id} by delivery", sql, ("indicator", "delivery"))


def _facts(data: ReportData, dimension: str) -> str:
    """Common table expressions that end in `facts(indicator, dataset, delivery, a, b)`."""
    parts = [part for name in indicators(dimension) if (part := _part(data, name))]
    union = "\n  UNION ALL\n".join(parts) or _NOTHING
    if dimension == "timeliness":
        return f"facts AS (\n{union}\n)"
    return f"{_net(data)},\n{statements.broken(data)},\nfacts AS (\n{union}\n)"


def _net(data: ReportData) -> str:
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in statements.COUNTS)
    return (
        f"net AS (\n  SELECT delivery, {sums}\n  FROM {statements.table(data, 'ledger')} GROUP BY delivery\n)"
    )


def _part(data: ReportData, indicator: str) -> str:
    match indicator:
        case "conforming_values" | "given_values" | "accurate_values":
            return _rules(next(of for of, name in RULES.items() if name == indicator), indicator)
        case "expected_headings":
            named = "len(map_keys(filled))"
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
            return "\n  UNION ALL\n".join(
                _windows(data, one, indicator) for one in data.datasets if one.calendar
            )


def _select(indicator: str, a: str, b: str, rest: str) -> str:
    return f"  SELECT '{indicator}' AS indicator, {_SPLIT} AS dataset, delivery, {a} AS a, {b} AS b\n  {rest}"


def _rules(dimension: str, indicator: str) -> str:
    asked = (
        "FROM (\n    SELECT delivery, unnest(checks, recursive := true)\n"
        f"    FROM {statements.VALIDATIONS}\n  )\n"
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
        f"{statements.scan(f'{data.lake}/{one.id.district}/{one.id.name}', one.lake_version)} GROUP BY ALL"
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
    log = f"{data.lake}/_system/publications/_delta_log/*.json"
    return (
        "  SELECT 'holding_truths' AS indicator, dataset, NULL AS delivery,\n"
        "    (status = 'pass')::BIGINT AS a, 1 AS b\n"
        "  FROM (\n    SELECT status, unnest(reads) AS dataset\n    FROM (\n"
        "      SELECT unnest(from_json(json ->> '$.commitInfo.shanhai',\n"
        '        \'{"truths": [{"status": "VARCHAR", "reads": ["VARCHAR"]}]}\').truths, recursive := true)\n'
        f"      FROM read_json_objects({quote_literal(log)}, format = 'newline_delimited')\n"
        "      WHERE json ->> '$.commitInfo.shanhai' LIKE "
        f'\'%"publication": "{data.truths.publication_id}"%\'\n    )\n  )\n'
        "  WHERE dataset NOT LIKE '\\_system.%' ESCAPE '\\'"
    )


def _windows(data: ReportData, dataset: DatasetFacts, indicator: str) -> str:
    calendar = dataset.calendar
    if calendar is None:
        return ""
    now = f"TIMESTAMPTZ {quote_literal(data.made_at.astimezone(UTC).isoformat(sep=' '))}"
    form = quote_literal(calendar.form)
    wait = f"INTERVAL {round(calendar.due_hours * 3600)} SECOND"
    good, extra = "came IS NOT NULL", ""
    if indicator == "punctual_windows":
        good, extra = "came IS NOT NULL AND came <= due", " AND since <= due"
    days = f"generate_series(DATE '{calendar.first}', DATE '{calendar.last}', INTERVAL 1 DAY) AS days(day)"
    return f"""  SELECT '{indicator}' AS indicator, {quote_literal(str(dataset.id))} AS dataset,
    NULL AS delivery, ({good})::BIGINT AS a, 1 AS b
  FROM (
    WITH pulled AS ({_pulled(dataset, now)}),
    windows AS (SELECT DISTINCT strftime(day, {form}) AS key FROM {days})
    SELECT timezone({quote_literal(calendar.zone)}, strptime(key, {form}) + {wait}) AS due,
      (SELECT min(pulled_at) FROM pulled WHERE asked = key OR part = key) AS came,
      (SELECT min(pulled_at) FROM pulled) AS since
    FROM windows
  )
  WHERE due <= {now}{extra}"""


def _pulled(dataset: DatasetFacts, now: str) -> str:
    if not dataset.pulled:
        return "SELECT '' AS asked, '' AS part, NULL::TIMESTAMPTZ AS pulled_at WHERE false"
    folder = quote_literal(f"snapshots/deliveries/{dataset.id.district}/{dataset.id.name}/*.json")
    return f"""
      SELECT "window" AS asked, split_part(delivery, '/', 2) AS part, pulled_at FROM read_json({folder},
        columns = {{delivery: 'VARCHAR', "window": 'VARCHAR', pulled_at: 'TIMESTAMPTZ'}})
      WHERE pulled_at <= {now}
    """
