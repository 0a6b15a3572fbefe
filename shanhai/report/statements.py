"""The SQL by which anybody counts again what the pages say: plain DuckDB over the files of the home.

A statement gives a table; a figure of the report is one cell of it, found by the values of the key columns.
Tables are read by DuckDB's delta extension at the version that the report has read.
"""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DatasetId, DeliveryId
from shanhai.report.balance import PARTS
from shanhai.report.data import ReportData

COUNTS = ("rows_in", *PARTS)
VALIDATIONS = (
    "read_json('staged/*/validation.json',\n"
    "      columns = {delivery: 'VARCHAR', checks: 'STRUCT(rule VARCHAR, dimension VARCHAR)[]'})"
)
"""The records of the checks, of which the names and dimensions of rules are taken; no count."""


@dataclass(frozen=True)
class Statement:
    """One query: its name in the report, its text, and the columns whose values name a row of its result."""

    name: str
    sql: str
    key: tuple[str, ...] = ()


def table(data: ReportData, name: str) -> str:
    """One of the books at the version that was read."""
    return scan(f"{data.lake}/_system/{name}", data.versions.get(name))


def scan(path: str, version: int | None) -> str:
    """A Delta table below the home, at a version."""
    at = "" if version is None else f", version => {version}"
    return f"delta_scan({quote_literal(path)}{at})"


def totals(
    data: ReportData, *, dataset: DatasetId | None = None, delivery: DeliveryId | None = None
) -> Statement:
    """The six counts over all entries, or over those of one dataset or delivery."""
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in COUNTS)
    of = delivery.short if delivery else str(dataset or "all")
    sql = f"SELECT\n{sums}\nFROM {table(data, 'ledger')}{_where(dataset, delivery)};"
    return Statement(f"counts of {of}", sql)


def ledger(data: ReportData) -> Statement:
    """The counts per delivery."""
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in COUNTS)
    sql = f"SELECT delivery,\n{sums}\nFROM {table(data, 'ledger')}\nGROUP BY delivery\nORDER BY delivery;"
    return Statement("ledger", sql, ("delivery",))


def datasets(data: ReportData) -> Statement:
    """The counts and the number of deliveries per dataset."""
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in COUNTS)
    sql = (
        f"SELECT district || '.' || dataset AS dataset,\n  count(DISTINCT delivery) AS deliveries,\n{sums}\n"
        f"FROM {table(data, 'ledger')}\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement("datasets", sql, ("dataset",))


def unbalanced(data: ReportData) -> Statement:
    """The deliveries whose rows do not add up: none, when all is well."""
    right = " + ".join(PARTS)
    sql = (
        f"SELECT count(*) AS deliveries\nFROM (\n  SELECT delivery FROM {table(data, 'ledger')}\n"
        f"  GROUP BY delivery HAVING sum(rows_in) <> sum({right})\n);"
    )
    return Statement("deliveries that do not balance", sql)


def verdicts(data: ReportData) -> Statement:
    """How many deliveries have each verdict: that of the newest entry of their own."""
    sql = (
        "SELECT verdict, count(*) AS deliveries\nFROM (\n"
        "  SELECT arg_max(verdict, (table_version, entry)) FILTER (cause = '') AS verdict\n"
        f"  FROM {table(data, 'ledger')} GROUP BY delivery\n)\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement("verdicts", sql, ("verdict",))


def entries(data: ReportData, delivery: DeliveryId) -> Statement:
    """Every entry about one delivery, oldest first."""
    sql = (
        f'SELECT table_version, entry, kind, verdict, decided_by, reason, "at", {", ".join(COUNTS)}\n'
        f"FROM {table(data, 'ledger')}{_where(None, delivery)}\nORDER BY table_version, entry;"
    )
    return Statement(f"entries of {delivery.short}", sql, ("table_version", "entry"))


def decisions(data: ReportData) -> Statement:
    """What people decided, newest first."""
    sql = (
        'SELECT delivery, table_version, kind, decided_by, reason, "at"\n'
        f"FROM {table(data, 'ledger')}\nWHERE decided_by <> ''\nORDER BY \"at\" DESC;"
    )
    return Statement("decisions", sql, ("delivery", "table_version"))


def reasons(data: ReportData, *, delivery: DeliveryId | None = None) -> Statement:
    """Rows in quarantine by the rule that they broke."""
    group = "reason" if delivery else "district || '.' || dataset AS dataset, reason"
    sql = (
        f"SELECT {group}, count(*) AS rows\n"
        f"FROM (\n  SELECT district, dataset, unnest(reasons) AS reason\n  FROM {table(data, 'quarantine')}"
        f"{_where(None, delivery, indent='  ')}\n)\n"
        "GROUP BY ALL\nORDER BY ALL;"
    )
    if delivery:
        return Statement(f"reasons of {delivery.short}", sql, ("reason",))
    return Statement("reasons", sql, ("dataset", "reason"))


def rules(data: ReportData, dataset: DatasetId, delivery: DeliveryId | None = None) -> Statement:
    """Per delivery and rule: the rows that were checked, and those among them that broke it.

    Which rules were asked stands in the record of the check; the rows are counted in the books.
    """
    asked = "SELECT delivery, unnest(checks, recursive := true)"
    records = VALIDATIONS if delivery is None else VALIDATIONS.replace("*", delivery.key, 1)
    sql = (
        f"WITH asked AS (\n  {asked}\n  FROM {records}\n),\n{broken(data)},\n"
        f"rows AS (\n  SELECT delivery, sum(rows_in)::BIGINT AS rows FROM {table(data, 'ledger')}"
        f"{_where(dataset if delivery is None else None, delivery, indent='  ')}\n  GROUP BY delivery\n)\n"
        "SELECT delivery, rule, coalesce(broken, 0) AS unexpected, rows - coalesce(malformed, 0) AS checked\n"
        "FROM asked JOIN rows USING (delivery) LEFT JOIN broken USING (delivery, rule)\n"
        "  LEFT JOIN malformed USING (delivery)\nORDER BY ALL;"
    )
    return Statement(f"rules of {delivery.short if delivery else dataset}", sql, ("delivery", "rule"))


def headings(data: ReportData) -> Statement:
    """What the source lacked or had beyond the contract, by delivery, as staging found it."""
    sql = (
        "SELECT delivery, len(missing) AS missing, len(unknown) AS unknown\n"
        "FROM read_json('staged/*/staging.json',\n"
        "    columns = {delivery: 'VARCHAR', missing: 'VARCHAR[]', unknown: 'VARCHAR[]'})\n"
        "WHERE len(missing) + len(unknown) > 0\nORDER BY ALL;"
    )
    return Statement("headings", sql, ("delivery",))


def in_lake(data: ReportData, dataset: DatasetId, version: int) -> Statement:
    """The rows of each delivery in a version of a table, counted there."""
    path = f"{data.lake}/{dataset.district}/{dataset.name}"
    sql = (
        "SELECT _delivery AS delivery, count(*) AS rows\n"
        f"FROM {scan(path, version)}\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement(f"{dataset} at version {version}", sql, ("delivery",))


def commits(data: ReportData, dataset: DatasetId) -> Statement:
    """The six counts of a dataset from the commits of its table, which the ledger is projected from."""
    version = data.dataset(dataset).lake_version
    members = ", ".join(f'"{name}": "BIGINT"' for name in COUNTS)
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in COUNTS)
    sql = (
        f"SELECT\n{sums}\nFROM (\n"
        "  SELECT unnest(from_json(json ->> '$.commitInfo.shanhai',\n"
        f"    '{{\"entries\": [{{{members}}}]}}').entries, recursive := true)\n"
        "  FROM read_json_objects("
        f"{quote_literal(f'{data.lake}/{dataset.district}/{dataset.name}/_delta_log/*.json')},\n"
        "    format = 'newline_delimited', filename = true)\n"
        "  WHERE json ->> '$.commitInfo.shanhai' IS NOT NULL\n"
        f"    AND parse_filename(filename, true)::BIGINT <= {version}\n);"
    )
    return Statement(f"counts of {dataset} in its commits", sql)


def published(data: ReportData) -> Statement:
    """The mart versions that each publication names."""
    sql = (
        "SELECT number AS publication, mart.name AS mart, mart.version AS version, mart.rows AS rows,\n"
        "  mart.digest AS digest\n"
        f"FROM {table(data, 'publications')}, unnest(marts) AS named(mart)\nORDER BY ALL;"
    )
    return Statement("publications", sql, ("publication", "mart"))


def mart_content(path: str, version: int, name: str, columns: tuple[tuple[str, str], ...]) -> Statement:
    """Rows and digest of a mart's version, as `shanhai.warehouse.digest` defines it.

    Args:
        path: of the mart's table, from the home.
        columns: name and DuckDB type of each column, in order.
    """
    lines = " ||\n    ".join(_text(column, kind) for column, kind in columns)
    header = quote_literal("\n".join(f"{column} {kind}" for column, kind in columns))
    sql = (
        "SET TimeZone = 'UTC';\n"
        "SELECT count(*) AS rows, sha256(concat_ws(chr(10),\n"
        f"  {header},\n"
        "  count(*), coalesce(sum(md5_number_lower(line)), 0), coalesce(sum(md5_number_upper(line)), 0)\n"
        f")) AS digest\nFROM (\n  SELECT {lines}\n    AS line\n  FROM {scan(path, version)}\n);"
    )
    return Statement(f"{name} at version {version}", sql)


def _text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    nested = kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))
    value = f"to_json({column})::VARCHAR" if nested else f"{column}::VARCHAR"
    return f"CASE WHEN {column} IS NULL THEN '-' ELSE length({value}) || ':' || {value} END"


def broken(data: ReportData) -> str:
    """The common part of statements about rules: `broken` by delivery and rule, `malformed` by delivery."""
    source = f"(\n  SELECT delivery, unnest(reasons) AS rule\n  FROM {table(data, 'quarantine')}\n)"
    return (
        f"reasons AS {source},\n"
        "broken AS (SELECT delivery, rule, count(*) AS broken FROM reasons GROUP BY ALL),\n"
        "malformed AS (\n  SELECT delivery, count(*) AS malformed FROM reasons\n"
        "  WHERE rule LIKE 'malformed.%' GROUP BY ALL\n)"
    )


def _where(dataset: DatasetId | None, delivery: DeliveryId | None, *, indent: str = "") -> str:
    conditions = []
    if dataset is not None:
        conditions += [
            f"district = {quote_literal(dataset.district)}",
            f"dataset = {quote_literal(dataset.name)}",
        ]
    if delivery is not None:
        conditions.append(f"delivery = {quote_literal(str(delivery))}")
    return f"\n{indent}WHERE " + f"\n{indent}  AND ".join(conditions) if conditions else ""
