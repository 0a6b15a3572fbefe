"""The SQL over what steps leave behind of a delivery: its sidecar, its records of staging and checking."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest.sidecar import sidecar_key
from shanhai.report.data import ReportData
from shanhai.report.statements import Statement, table, where

VALIDATIONS = (
    "read_json('staged/*/*/validation.json', columns = {delivery: 'VARCHAR',\n"
    "      staging: 'VARCHAR', checks: 'STRUCT(rule VARCHAR, dimension VARCHAR)[]'})\n"
    "    JOIN standing USING (delivery, staging)"
)
"""The records of the checks, of which the names and dimensions of rules are taken; no count.

A delivery can be staged more than once: `standing` tells by which staging it is in the books."""


def rules(data: ReportData, dataset: DatasetId, delivery: DeliveryId | None = None) -> Statement:
    """Per delivery and rule: the rows that were checked, and those among them that broke it.

    Which rules were asked stands in the record of the check; the rows are counted in the books.
    """
    asked = "SELECT delivery, unnest(checks, recursive := true)"
    records = VALIDATIONS if delivery is None else VALIDATIONS.replace("*", delivery.key, 1)
    sql = (
        f"WITH {standing(data, delivery)},\nasked AS (\n  {asked}\n  FROM {records}\n),\n"
        f"{broken(data, delivery)},\n"
        f"rows AS (\n  SELECT delivery, sum(rows_in)::BIGINT AS rows FROM {table(data, 'ledger')}"
        f"{where(dataset if delivery is None else None, delivery, indent='  ')}\n  GROUP BY delivery\n)\n"
        "SELECT delivery, rule, coalesce(broken, 0) AS unexpected, rows - coalesce(malformed, 0) AS checked\n"
        "FROM asked JOIN rows USING (delivery) LEFT JOIN broken USING (delivery, rule)\n"
        "  LEFT JOIN malformed USING (delivery)\nORDER BY ALL;"
    )
    of = delivery.short if delivery else str(dataset)
    return Statement(f"rules of {of}", sql, ("rules", of), ("delivery", "rule"))


def headings(data: ReportData) -> Statement:
    """What the source lacked or had beyond the contract, by delivery, as staging found it."""
    sql = (
        f"WITH {standing(data)}\n"
        "SELECT delivery, len(missing) AS missing, len(unknown) AS unknown\n"
        "FROM read_json('staged/*/*/staging.json', columns = {delivery: 'VARCHAR',\n"
        "    staging: 'VARCHAR', missing: 'VARCHAR[]', unknown: 'VARCHAR[]'})\n"
        "  JOIN standing USING (delivery, staging)\n"
        "WHERE len(missing) + len(unknown) > 0\nORDER BY ALL;"
    )
    return Statement("headings", sql, ("headings",), ("delivery",))


def findings(data: ReportData, delivery: DeliveryId) -> Statement:
    """What was not plausible: what was found, what is usual, and the rows by the books."""
    record = quote_literal(f"staged/{delivery.key}/*/validation.json")
    rows = f"SELECT sum(rows_in)::BIGINT FROM {table(data, 'ledger')}{where(None, delivery, indent='    ')}"
    sql = (
        f"WITH {standing(data, delivery)}\nSELECT finding.name AS name,\n"
        f"  CASE WHEN finding.name LIKE 'rows%' THEN (\n    {rows}\n"
        "  )::VARCHAR ELSE finding.given END AS given,\n"
        "  finding.allowed AS allowed, finding.args AS usual\n"
        f"FROM read_json({record}, columns = {{delivery: 'VARCHAR', staging: 'VARCHAR',\n    findings: "
        "'STRUCT(name VARCHAR, given VARCHAR, allowed VARCHAR, args MAP(VARCHAR, VARCHAR))[]'})\n"
        "  JOIN standing USING (delivery, staging),\n"
        "  unnest(findings) AS found(finding)\nORDER BY ALL;"
    )
    name = f"findings about {delivery.short}"
    return Statement(name, sql, ("findings", delivery.short), ("name",))


def differences(data: ReportData, delivery: DeliveryId) -> Statement:
    """What the check found the delivery to differ in; numbered in its order."""
    sql = (
        f"WITH {standing(data, delivery)},\ndiffers AS (\n"
        "  SELECT unnest(differences) AS found, generate_subscripts(differences, 1) AS number\n"
        f"  FROM read_json({quote_literal(f'staged/{delivery.key}/*/validation.json')}, columns = {{\n"
        "      delivery: 'VARCHAR', staging: 'VARCHAR', differences: 'STRUCT(kind VARCHAR, reading VARCHAR,\n"
        '      given VARCHAR, allowed VARCHAR, "rows" BIGINT, of_rows BIGINT)[]\'})\n'
        "    JOIN standing USING (delivery, staging)\n)\n"
        "SELECT number, found.kind AS kind, found.given AS given, found.allowed AS allowed,\n"
        '  found."rows" AS "rows", found.of_rows AS of_rows\nFROM differs ORDER BY number;'
    )
    return Statement(f"differences of {delivery.short}", sql, ("differences", delivery.short), ("number",))


def queries(data: ReportData, delivery: DeliveryId) -> Statement:
    """What the queries of the contract gave; each stands beside its answer."""
    sql = (
        f"WITH {standing(data, delivery)}\n"
        "SELECT asked.name AS name, asked.given AS given, asked.allowed AS allowed\n"
        f"FROM read_json({quote_literal(f'staged/{delivery.key}/*/validation.json')}, columns = {{\n"
        "    delivery: 'VARCHAR', staging: 'VARCHAR',\n"
        "    queries: 'STRUCT(name VARCHAR, given VARCHAR, allowed VARCHAR)[]'})\n"
        "  JOIN standing USING (delivery, staging),\n"
        "  unnest(queries) AS named(asked)\nORDER BY ALL;"
    )
    return Statement(f"queries about {delivery.short}", sql, ("queries", delivery.short), ("name",))


def bodies(delivery: DeliveryId) -> Statement:
    """The files that came, by the sidecar: their digests and sizes. `sha256sum` of each gives its digest."""
    sql = (
        "SELECT body.name AS name, body.sha256 AS sha256, body.size AS size, pulled_at\n"
        f"FROM read_json({quote_literal(f'snapshots/{sidecar_key(delivery)}')}, columns = {{\n"
        "    bodies: 'STRUCT(name VARCHAR, sha256 VARCHAR, size BIGINT)[]', pulled_at: 'TIMESTAMPTZ'}),\n"
        "  unnest(bodies) AS came(body)\nORDER BY ALL;"
    )
    return Statement(f"files of {delivery.short}", sql, ("bodies", delivery.short), ("name", "sha256"))


def standing(data: ReportData, delivery: DeliveryId | None = None) -> str:
    """The common part of statements about staging: `standing`, by which one a delivery is in the books."""
    return (
        "standing AS (\n  SELECT delivery,\n"
        "    arg_max(staging, (table_version, entry)) FILTER (staging <> '') AS staging\n"
        f"  FROM {table(data, 'ledger')}{where(None, delivery, indent='  ')}\n  GROUP BY delivery\n)"
    )


def broken(data: ReportData, delivery: DeliveryId | None = None) -> str:
    """The common part of statements about rules: `broken` by delivery and rule, `malformed` by delivery."""
    source = (
        f"(\n  SELECT delivery, unnest(reasons) AS rule\n  FROM {table(data, 'quarantine')}"
        f"{where(None, delivery, indent='  ')}\n)"
    )
    return (
        f"reasons AS {source},\n"
        "broken AS (SELECT delivery, rule, count(*) AS broken FROM reasons GROUP BY ALL),\n"
        "malformed AS (\n  SELECT delivery, count(*) AS malformed FROM reasons\n"
        "  WHERE rule LIKE 'malformed.%' GROUP BY ALL\n)"
    )
