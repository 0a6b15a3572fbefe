"""The SQL by which anybody counts again what the pages say: plain DuckDB over the files of the home.

A statement gives a table; a figure of the report is one cell of it, found by the values of the key columns.
Tables are read by DuckDB's delta extension at the version that the report has read.
"""

from __future__ import annotations

from dataclasses import dataclass

from shanhai.contracts.sql import quote_identifier, quote_literal
from shanhai.ids import DatasetId, DeliveryId
from shanhai.report.balance import PARTS
from shanhai.report.data import ReportData

COUNTS = ("rows_in", *PARTS)


@dataclass(frozen=True)
class Statement:
    """One query of the report.

    Args:
        name: what it is called in the list of figures.
        sql: its text.
        title: the kind of its title in the words of a language, and what the title is filled with.
        key: the columns whose values name a row of its result.
    """

    name: str
    sql: str
    title: tuple[str, ...]
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
    sql = (
        f"SELECT\n{_sums()},\n  count(DISTINCT delivery) AS deliveries,\n"
        "  count(DISTINCT district || '.' || dataset) AS datasets\n"
        f"FROM {table(data, 'ledger')}{where(dataset, delivery)};"
    )
    if delivery is None and dataset is None:
        return Statement("counts of all", sql, ("counts_of_all",))
    of = delivery.short if delivery else str(dataset)
    return Statement(f"counts of {of}", sql, ("counts", of))


def ledger(data: ReportData) -> Statement:
    """The counts per delivery."""
    sql = f"SELECT delivery,\n{_sums()}\nFROM {table(data, 'ledger')}\nGROUP BY delivery\nORDER BY delivery;"
    return Statement("ledger", sql, ("ledger",), ("delivery",))


def datasets(data: ReportData) -> Statement:
    """The counts and the number of deliveries per dataset."""
    sql = (
        f"SELECT district || '.' || dataset AS dataset,\n"
        f"  count(DISTINCT delivery) AS deliveries,\n{_sums()}\n"
        f"FROM {table(data, 'ledger')}\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement("datasets", sql, ("datasets",), ("dataset",))


def unbalanced(data: ReportData) -> Statement:
    """The deliveries whose rows do not add up: none, when all is well."""
    right = " + ".join(PARTS)
    sql = (
        f"SELECT count(*) AS deliveries\nFROM (\n  SELECT delivery FROM {table(data, 'ledger')}\n"
        f"  GROUP BY delivery HAVING sum(rows_in) <> sum({right})\n);"
    )
    return Statement("deliveries that do not balance", sql, ("unbalanced",))


def verdicts(data: ReportData) -> Statement:
    """How many deliveries have each verdict: that of the newest entry of their own."""
    sql = (
        "SELECT verdict, count(*) AS deliveries\nFROM (\n"
        "  SELECT arg_max(verdict, (table_version, entry)) FILTER (cause = '') AS verdict\n"
        f"  FROM {table(data, 'ledger')} GROUP BY delivery\n)\nGROUP BY ALL\nORDER BY ALL;"
    )
    return Statement("verdicts", sql, ("verdicts",), ("verdict",))


def entries(data: ReportData, delivery: DeliveryId) -> Statement:
    """Every entry about one delivery, oldest first."""
    sql = (
        f'SELECT table_version, entry, kind, verdict, decided_by, reason, "at", {", ".join(COUNTS)}\n'
        f"FROM {table(data, 'ledger')}{where(None, delivery)}\nORDER BY table_version, entry;"
    )
    name = f"entries of {delivery.short}"
    return Statement(name, sql, ("entries", delivery.short), ("table_version", "entry"))


def decisions(data: ReportData) -> Statement:
    """What people decided, newest first."""
    sql = (
        'SELECT delivery, table_version, kind, decided_by, reason, "at"\n'
        f"FROM {table(data, 'ledger')}\nWHERE decided_by <> ''\nORDER BY \"at\" DESC;"
    )
    return Statement("decisions", sql, ("decisions",), ("delivery", "table_version"))


def gate_reasons(data: ReportData) -> Statement:
    """Why the gate held or refused deliveries, by its own entries."""
    sql = (
        "SELECT delivery, table_version, kind, rows_in, quarantined, reason\n"
        f"FROM {table(data, 'ledger')}\nWHERE kind IN ('hold', 'refuse') AND decided_by = ''\nORDER BY ALL;"
    )
    return Statement("held and refused by rule", sql, ("gate_reasons",), ("delivery", "table_version"))


def in_lake(data: ReportData, dataset: DatasetId, version: int) -> Statement:
    """The rows of each delivery in a version of a table, counted there."""
    path = f"{data.lake}/{dataset.district}/{dataset.name}"
    sql = (
        "SELECT _delivery AS delivery, count(*) AS rows\n"
        f"FROM {scan(path, version)}\nGROUP BY ALL\nORDER BY ALL;"
    )
    name = f"{dataset} at version {version}"
    return Statement(name, sql, ("at_version", str(dataset), str(version)), ("delivery",))


def versions(data: ReportData, dataset: DatasetId, version: int, key: tuple[str, ...]) -> Statement:
    """The versions of keys in a table that keeps all of them, and how many were followed by another one."""
    path = f"{data.lake}/{dataset.district}/{dataset.name}"
    keys = f"count(DISTINCT ({', '.join(map(quote_identifier, key))}))"
    sql = (
        f"SELECT count(*) AS versions, {keys} AS keys, count(*) - {keys} AS earlier\n"
        f"FROM {scan(path, version)};"
    )
    return Statement(f"versions of {dataset}", sql, ("versions", str(dataset)))


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
    return Statement(f"counts of {dataset} in its commits", sql, ("commits", str(dataset)))


def where(dataset: DatasetId | None, delivery: DeliveryId | None, *, indent: str = "", also: str = "") -> str:
    """The condition that keeps the rows of one dataset or one delivery."""
    conditions = [also] if also else []
    if dataset is not None:
        conditions += [
            f"district = {quote_literal(dataset.district)}",
            f"dataset = {quote_literal(dataset.name)}",
        ]
    if delivery is not None:
        conditions.append(f"delivery = {quote_literal(str(delivery))}")
    return f"\n{indent}WHERE " + f"\n{indent}  AND ".join(conditions) if conditions else ""


def _sums() -> str:
    """The six counts, and the rows that none of the parts accounts for."""
    sums = ",\n".join(f"  sum({name})::BIGINT AS {name}" for name in COUNTS)
    return f"{sums},\n  sum(rows_in - ({' + '.join(PARTS)}))::BIGINT AS unaccounted"
