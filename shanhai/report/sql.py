"""The SQL that stands beside each number, so that an auditor can count it again from the lake."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DatasetId, DeliveryId
from shanhai.report.data import PARTS, ReportData

_COUNTS = ("rows_in", *PARTS)


def totals(data: ReportData, *, dataset: DatasetId | None = None, delivery: DeliveryId | None = None) -> str:
    """The six counts over all entries, or over those of one dataset or delivery."""
    sums = ",\n".join(f"  sum({name}) AS {name}" for name in _COUNTS)
    where = _where(dataset, delivery)
    return f"SELECT\n{sums}\nFROM {_table(data, 'ledger')}{where};"


def ledger(data: ReportData) -> str:
    """The counts per delivery."""
    sums = ",\n".join(f"  sum({name}) AS {name}" for name in _COUNTS)
    return f"SELECT delivery,\n{sums}\nFROM {_table(data, 'ledger')}\nGROUP BY delivery\nORDER BY delivery;"


def unbalanced(data: ReportData) -> str:
    """The deliveries whose rows do not add up: none, when all is well."""
    right = " + ".join(PARTS)
    return (
        f"SELECT delivery, sum(rows_in) AS rows_in, sum({right}) AS accounted_for\n"
        f"FROM {_table(data, 'ledger')}\nGROUP BY delivery\nHAVING sum(rows_in) <> sum({right});"
    )


def entries(data: ReportData, delivery: DeliveryId) -> str:
    """Every entry about one delivery, oldest first."""
    return f"SELECT *\nFROM {_table(data, 'ledger')}{_where(None, delivery)}\nORDER BY table_version, entry;"


def reasons(data: ReportData, *, delivery: DeliveryId | None = None) -> str:
    """Rows in quarantine by the rule that they broke."""
    group = "reason" if delivery else "district, dataset, reason"
    return (
        f"SELECT {group}, count(*) AS rows\n"
        f"FROM (\n  SELECT *, unnest(reasons) AS reason\n  FROM {_table(data, 'quarantine')}"
        f"{_where(None, delivery, indent='  ')}\n)\n"
        f"GROUP BY {group}\nORDER BY {'rows DESC, reason' if delivery else group};"
    )


def _table(data: ReportData, name: str) -> str:
    path = quote_literal(f"{data.lake}/_system/{name}")
    version = data.versions.get(name)
    return f"delta_scan({path})" if version is None else f"delta_scan({path}, version => {version})"


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
