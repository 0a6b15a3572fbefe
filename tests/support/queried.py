"""A delivery of five rows, and contracts that ask queries of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plain_contract import plain_contract

from shanhai.contracts.model import Column, Contract
from shanhai.contracts.queries import Query, query_fields

COLUMNS = (
    Column(name="meter_id", source="meter", type="string", required=True),
    Column(name="volume_m3", source="volume", type="number", precision=(12, 3), minimum=0),
    Column(name="read_at", source="at", type="timestamp"),
    Column(name="pulse", source="pulse", type="integer"),
)
ROWS = [
    ("A", "1.5", "2024-03-01 00:00:00", "3"),
    ("A", "2.5", "2024-03-01 01:00:00", "4"),
    ("B", "4", "2024-03-01 00:00:00", None),
    ("B", "-7", "2024-03-01 01:00:00", "5"),
    (None, "9", None, "x"),
]
"""Three good rows; one out of range, one without its meter."""


def query(sql: str = "SELECT count(*) FROM {object}", column: str | None = None, **stated: Any) -> Query:
    entry = {"name": "asked", "query": sql, **(stated or {"mustBe": 3})}
    return Query(**query_fields(entry, column=column, line=7))


def contract(*asked: Query) -> Contract:
    return plain_contract(
        "longyou.meters",
        *COLUMNS,
        level="community",
        queries=asked,
        path=Path("districts/longyou/meters.odcs.yml"),
    )
