"""A contract that is changed by proposals says what was meant, and keeps what it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from shanhai.contracts.drafting.amend import Amended, Reasoned, amend
from shanhai.contracts.load import load_contract
from shanhai.contracts.proposals import AddCodes, AddNullTokens, Proposal, StateSince

PROPERTIES: dict[str, Any] = {
    "level": "community",
    "shareClass": "conditional",
    "source": {"connector": "files", "endpoint": "portal", "options": {"path": "*.csv"}},
    "format": {"kind": "csv"},
    "delivery": {"per": "file", "partition": {"by": "file", "pattern": "(?P<partition>.+)"}},
}
KIND = {
    "name": "kind",
    "logicalType": "string",
    "required": True,
    "quality": [
        {"type": "library", "metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["yes"]}}
    ],
}


def amended(tmp_path: Path, *asked: Reasoned, **properties: Any) -> Amended:
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:visits",
        "name": "visits",
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {
                "name": "visits",
                "logicalType": "object",
                "properties": [
                    {"name": "village", "logicalType": "string", "required": True},
                    {"name": "people", "logicalType": "integer", "required": True},
                    KIND,
                    {"name": "note", "logicalType": "string"},
                ],
            }
        ],
        "customProperties": [
            {"property": key, "value": value} for key, value in {**PROPERTIES, **properties}.items()
        ],
    }
    file = tmp_path / "longyou" / "visits.odcs.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return amend(load_contract(file), asked, {})


def asked(proposal: Proposal, **facts: Any) -> Reasoned:
    return Reasoned(proposal, "seen", **facts)


def test_what_yaml_would_read_as_something_else_is_quoted(tmp_path: Path):
    texts = ("no", "10:30", "010", "2024_03", "~", "1e3", "=", "a, b", "中")
    new = amended(
        tmp_path,
        asked(AddCodes(column="kind", codes=texts)),
        asked(AddNullTokens(column="note", tokens=("off", "12:30"))),
        asked(StateSince(column="note", since="2024:03")),
    )
    assert new.contract.column("kind").codes == ("yes", *texts)
    assert new.contract.column("note").null_tokens == ("off", "12:30")
    assert new.contract.column("note").since == "2024:03"
