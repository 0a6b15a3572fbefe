"""A contract with columns and nothing else to say, but for what a test states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shanhai.contracts.model import Column, Contract, CsvFormat, Source
from shanhai.ids import DatasetId


def plain_contract(dataset: str, *columns: Column, **stated: Any) -> Contract:
    """The contract of a dataset that is named in full; CSV files at an endpoint `portal`, unless stated."""
    known = DatasetId.parse(dataset)
    fields: dict[str, Any] = {
        "dataset": known,
        "version": "1.0.0",
        "status": "active",
        "title": known.name,
        "level": "district",
        "share_class": "conditional",
        "columns": columns,
        "source": Source(connector="files", endpoint="portal"),
        "format": CsvFormat(),
        "path": Path(f"{known.name}.odcs.yml"),
        "digest": "0" * 64,
    }
    return Contract(**{**fields, **stated})
