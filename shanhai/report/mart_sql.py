"""The SQL over what is published: mart versions, their content, and the truths that were tested."""

from __future__ import annotations

from shanhai.contracts.sql import quote_literal
from shanhai.report.data import ReportData
from shanhai.report.statements import Statement, scan, table

IN_UTC = "SET TimeZone = 'UTC';\n"
"""What comes before a statement whose result depends on the zone of the session."""


def published(data: ReportData) -> Statement:
    """The mart versions that each publication names."""
    sql = (
        "SELECT number AS publication, mart.name AS mart, mart.version AS version, mart.rows AS rows,\n"
        "  mart.digest AS digest\n"
        f"FROM {table(data, 'publications')}, unnest(marts) AS named(mart)\nORDER BY ALL;"
    )
    return Statement("publications", sql, ("publications",), ("publication", "mart"))


def content(path: str, version: int, name: str, columns: tuple[tuple[str, str], ...]) -> Statement:
    """Rows and digest of a mart's version, as `shanhai.warehouse.digest` defines it.

    Args:
        path: of the mart's table, from the home.
        columns: name and DuckDB type of each column, in order.
    """
    lines = " ||\n    ".join(_text(column, kind) for column, kind in columns)
    header = quote_literal("\n".join(f"{column} {kind}" for column, kind in columns))
    sql = (
        f"{IN_UTC}SELECT count(*) AS rows, sha256(concat_ws(chr(10),\n"
        f"  {header},\n"
        "  count(*), coalesce(sum(md5_number_lower(line)), 0), coalesce(sum(md5_number_upper(line)), 0)\n"
        f")) AS digest\nFROM (\n  SELECT {lines}\n    AS line\n  FROM {scan(path, version)}\n);"
    )
    return Statement(f"{name} at version {version}", sql, ("at_version", name, str(version)))


def truths(data: ReportData) -> Statement:
    """Per publication and truth across tables: the rows that speak against it, by the commits."""
    sql = (
        "SELECT number AS publication, truth.name AS truth, truth.failures AS failures,\n"
        "  count(*) FILTER (truth.status = 'pass') OVER (PARTITION BY number) AS held,\n"
        "  count(*) OVER (PARTITION BY number) AS run\n"
        f"FROM {table(data, 'publications')} JOIN (\n{commits(data)}\n) AS told\n"
        "  ON told.publication = publication_id, unnest(truths) AS named(truth)\nORDER BY ALL;"
    )
    return Statement("truths across tables", sql, ("truths",), ("publication", "truth"))


def commits(data: ReportData) -> str:
    """What the commits of publications keep: `publication` and `truths`."""
    log = quote_literal(f"{data.lake}/_system/publications/_delta_log/*.json")
    return (
        '  SELECT unnest(from_json(json ->> \'$.commitInfo.shanhai\', \'{"publication": "VARCHAR",\n'
        '    "truths": [{"name": "VARCHAR", "status": "VARCHAR", "failures": "BIGINT",\n'
        '      "reads": ["VARCHAR"]}]}\'), recursive := true)\n'
        f"  FROM read_json_objects({log}, format = 'newline_delimited')\n"
        "  WHERE json ->> '$.commitInfo.shanhai' IS NOT NULL"
    )


def _text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    nested = kind.endswith("[]") or kind.startswith(("STRUCT", "MAP"))
    value = f"to_json({column})::VARCHAR" if nested else f"{column}::VARCHAR"
    return f"CASE WHEN {column} IS NULL THEN '-' ELSE length({value}) || ':' || {value} END"
