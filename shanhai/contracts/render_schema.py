"""The lake table's schema of every contract, as JSON that a reader of another language can take up."""

from __future__ import annotations

import json
from pathlib import Path

from shanhai.contracts.federation import Federation
from shanhai.contracts.model import Contract
from shanhai.contracts.schema import DELIVERY, PARTITION, duckdb_type


def render(federation: Federation) -> dict[Path, str]:
    """One file `districts/<district>/schema/<dataset>.json` a contract."""
    return {
        Path("districts") / dataset.district / "schema" / f"{dataset.name}.json": _text(contract)
        for dataset, contract in federation.contracts.items()
    }


def _text(contract: Contract) -> str:
    columns = [
        {
            "name": column.name,
            "type": duckdb_type(column),
            "title": column.title,
            "unit": column.unit,
            "crs": column.crs,
            "classification": column.classification,
            "personal": column.personal,
        }
        for column in contract.columns
    ]
    own = [{"name": name, "type": "VARCHAR"} for name in (DELIVERY, PARTITION)]
    document = {
        "generated": "by shanhai generate; do not edit",
        "dataset": str(contract.dataset),
        "contract_version": contract.version,
        "columns": [{k: v for k, v in column.items() if v not in (None, "", False)} for column in columns]
        + own,
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
