"""The file that is measured: eight columns, about 100 bytes a row, some rows bad and some twice."""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

DATASET = "bench.events"

_COLUMNS = {
    "event_id": "VARCHAR",
    "area_code": "VARCHAR",
    "channel": "VARCHAR",
    "reported_at": "TIMESTAMP",
    "solved_at": "TIMESTAMP",
    "minutes": "INTEGER",
    "level_db": "DOUBLE",
    "place": "VARCHAR",
}


def write_csv(target: Path, rows: int) -> None:
    """Write `rows` rows: every hundredth bad in one of five ways, every thousandth the one before again."""
    distinct = f"""
        SELECT i,
            format('GS{{:012d}}', i) AS event_id,
            CASE WHEN i % 500 = 7 THEN '33X105'
                 ELSE format('3301050{{:02d}}{{:03d}}', i % 18 + 1, i % 174) END AS area_code,
            CASE WHEN i % 500 = 107 THEN 'pigeon'
                 ELSE ['sensor', 'platform', 'grid_staff', 'public'][i % 4 + 1] END AS channel,
            CASE WHEN i % 500 = 207 THEN 'yesterday'
                 ELSE strftime(TIMESTAMP '2024-03-01' + INTERVAL (i % 86400) SECOND, '%Y-%m-%d %H:%M:%S') END
                AS reported_at,
            strftime(TIMESTAMP '2024-03-01' + INTERVAL (i % 86400 + 3600) SECOND, '%Y-%m-%d %H:%M:%S')
                AS solved_at,
            CASE WHEN i % 500 = 307 THEN '-5' ELSE (i % 600)::VARCHAR END AS minutes,
            CASE WHEN i % 500 = 407 THEN '' ELSE format('{{:.2f}}', 40 + (i % 4500) / 100) END AS level_db,
            format('Lane {{}} gate {{}}', i % 9973, i % 89) AS place
        FROM (SELECT range - (CASE WHEN range % 1000 = 999 THEN 1 ELSE 0 END) AS i FROM range({rows}))
    """
    con = duckdb.connect()
    con.execute(
        f"COPY (SELECT * EXCLUDE (i) FROM ({distinct})) TO '{target.as_posix()}' (HEADER, DELIMITER ',')"
    )


def typed_reader(source: Path) -> str:
    """The bare typed `read_csv` of the file, as SQL: what nobody can beat who reads it with DuckDB."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
    return (
        f"read_csv('{source.as_posix()}', header = true, delim = ',', quote = '\"', auto_detect = false, "
        f"columns = {{{types}}}, ignore_errors = true)"
    )


def write_federation(root: Path) -> None:
    """A federation of one dataset that reads `data/*.csv` of the folder, with ten rules."""
    folder = root / "districts" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "district.yml").write_text("name: bench\ntitle: Bench\nendpoints: {data: data}\n")
    options: dict[str, dict[str, object]] = {
        "event_id": {"required": True, "logicalTypeOptions": {"maxLength": 20}},
        "area_code": {"logicalTypeOptions": {"pattern": r"^\d{12}$"}},
        "channel": {
            "quality": [
                {
                    "type": "library",
                    "metric": "invalidValues",
                    "mustBe": 0,
                    "arguments": {"validValues": ["sensor", "platform", "grid_staff", "public"]},
                }
            ]
        },
        "minutes": {"logicalTypeOptions": {"minimum": 0}},
        "level_db": {"required": True},
    }
    kinds = {"VARCHAR": "string", "TIMESTAMP": "timestamp", "INTEGER": "integer", "DOUBLE": "number"}
    properties = {
        "level": "district",
        "shareClass": "unconditional",
        "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.csv"}},
        "format": {"kind": "csv"},
        "delivery": {"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>[^.]+)\."}},
        "duplicates": "delivery",
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:shanhai:bench:events",
        "name": "events",
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": "events",
                "logicalType": "object",
                "properties": [
                    {"name": name, "logicalType": kinds[kind], **options.get(name, {})}
                    for name, kind in _COLUMNS.items()
                ],
            }
        ],
        "customProperties": [{"property": key, "value": value} for key, value in properties.items()],
    }
    (folder / "events.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
