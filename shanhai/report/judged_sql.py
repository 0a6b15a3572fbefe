"""The SQL over judgements: what a delivery's counts were before each entry, and what each check counted."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DeliveryId
from shanhai.report.data import ReportData
from shanhai.report.statements import COUNTS, Statement, table, where


def moved(data: ReportData, delivery: DeliveryId) -> Statement:
    """Each judgement after the first one: the counts before it, after it, and their difference."""
    counts = ",\n".join(
        f"  {name} AS {name}, {name}_after, {name}_after - {name} AS {name}_before" for name in COUNTS
    )
    sums = ",\n".join(f"    sum({name}) OVER so_far AS {name}_after" for name in COUNTS)
    sql = (
        f'SELECT table_version, entry, contract_version, "at",\n'
        f"  greatest(loaded, 0) AS entered, greatest(-loaded, 0) AS gone,\n{counts}\n"
        f"FROM (\n  SELECT *,\n{sums}\n"
        f"  FROM {table(data, 'ledger')}{where(None, delivery, indent='  ')}\n"
        "  WINDOW so_far AS (ORDER BY table_version, entry)\n)\nWHERE kind = 'replay'\n"
        "ORDER BY table_version, entry;"
    )
    name = f"judgements of {delivery.short}"
    return Statement(name, sql, ("judgements", delivery.short), ("table_version", "entry"))


def checked(delivery: DeliveryId) -> Statement:
    """How many rows broke each rule by the check of each staging, from its record."""
    sql = (
        'SELECT staging, "check".rule AS rule, "check".unexpected AS unexpected\n'
        f"FROM read_json({quote_literal(f'staged/{delivery.key}/*/validation.json')}, columns = {{\n"
        "    staging: 'VARCHAR', checks: 'STRUCT(rule VARCHAR, unexpected BIGINT)[]'}),\n"
        '  unnest(checks) AS counted("check")\nORDER BY ALL;'
    )
    return Statement(f"checks of {delivery.short}", sql, ("checks", delivery.short), ("staging", "rule"))
