"""A contract with a cursor says how rows that come again are settled, and tells nothing of people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shanhai.contracts.load import load_contract
from shanhai.errors import ContractError

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "logicalType": "string", "primaryKey": True},
    {
        "name": "changed_at",
        "logicalType": "timestamp",
        "required": True,
        "customProperties": [{"property": "source", "value": "changed"}],
    },
    {
        "name": "citizen",
        "logicalType": "string",
        "customProperties": [{"property": "personal", "value": True}],
    },
]


def contract(folder: Path, *, cursor: str = "changed", fmt: str = "parquet", **properties: Any) -> Path:
    source = {
        "connector": "sql",
        "endpoint": "db",
        "options": {"table": "public.permits", "cursor": {"column": cursor, "lag": "10m"}},
    }
    stated = {
        "level": "district",
        "shareClass": "conditional",
        "source": source,
        "format": {"kind": fmt},
        "versions": {"rule": "latest", "by": "changed_at"},
        **properties,
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:permits",
        "name": "permits",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "permits", "logicalType": "object", "properties": COLUMNS}],
        "customProperties": [{"property": key, "value": value} for key, value in stated.items()],
    }
    file = folder / "acity" / "permits.odcs.yml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    return file


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"duplicates": "none"},
        {"versions": {"rule": "append"}, "duplicates": "table"},
    ],
)
def test_rows_that_come_again_are_settled(tmp_path: Path, properties: dict[str, Any]):
    assert load_contract(contract(tmp_path, **properties)).source.options["cursor"]["column"] == "changed"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"versions": {"rule": "append"}}, "would be counted twice"),
        ({"versions": {"rule": "append"}, "duplicates": "none"}, "would be counted twice"),
        (
            {
                "versions": {"rule": "replace"},
                "delivery": {"per": "file", "partition": {"by": "file", "pattern": "(?P<partition>.+)"}},
            },
            "replace would drop",
        ),
        ({"cursor": "no_such"}, "no column of the contract"),
        ({"cursor": "citizen"}, "must not tell of a person"),
        (
            {"delivery": {"per": "file", "partition": {"by": "file", "pattern": "(?P<partition>.+)"}}},
            "no part",
        ),
        ({"fmt": "csv"}, "gives Parquet"),
        ({"schedule": {"cron": "0 2 * * *", "start": "2024-03-01", "due_hours": 36}}, "never due"),
    ],
)
def test_a_contradiction_is_refused_with_its_line(tmp_path: Path, changed: dict[str, Any], message: str):
    with pytest.raises(ContractError, match=message) as refused:
        load_contract(contract(tmp_path, **changed))
    assert refused.value.line
    assert refused.value.allowed
