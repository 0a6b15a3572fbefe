"""A contract that is changed by proposals says what was meant, and keeps what it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from shanhai.contracts.drafting.amend import Amended, Reasoned, amend
from shanhai.contracts.load import load_contract
from shanhai.contracts.proposals import AddCodes, AddNullTokens, DropColumn, Proposal, StateSince

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


HEADCOUNT = {
    "shape": "headcount",
    "columns": {
        "area_code": {"column": "village"},
        "counted_date": {"value": "2024-03-01"},
        "people": {"column": "people"},
    },
}
TOKENS = AddNullTokens(column="people", tokens=("-",))


def test_what_is_missing_often_is_no_longer_required(tmp_path: Path):
    new = amended(tmp_path, asked(TOKENS, is_much=True))
    assert (new.contract.column("people").null_tokens, new.contract.column("people").required) == (
        ("-",),
        False,
    )
    assert new.contract.version == "2.0.0"


def test_what_is_missing_here_and_there_stays_required(tmp_path: Path):
    new = amended(tmp_path, asked(TOKENS))
    assert (new.contract.column("people").null_tokens, new.contract.column("people").required) == (
        ("-",),
        True,
    )
    assert new.contract.version == "1.1.0"
    assert "such rows stay refused" in new.done[0]


def test_what_a_shape_never_lacks_stays_required(tmp_path: Path):
    gone = asked(DropColumn(column="people"))
    note = asked(StateSince(column="note", since="2024-03-05"))
    new = amended(tmp_path, asked(TOKENS, is_much=True), gone, note, feeds=HEADCOUNT)
    assert (new.contract.column("people").null_tokens, new.contract.column("people").required) == (
        ("-",),
        True,
    )
    assert new.contract.column("note").since == "2024-03-05", "nothing else is lost with it"
    assert [told for told in new.left if "people is never missing" in told] == list(new.left) != []
    assert "no longer required" not in new.text


def test_what_a_shape_may_lack_need_not_be_required(tmp_path: Path):
    event = {
        "shape": "event",
        "columns": {
            "event_id": {"column": "village"},
            "channel": {"value": "grid_staff"},
            "category": {"column": "kind"},
        },
    }
    tokens = asked(AddNullTokens(column="kind", tokens=("-",)), is_much=True)
    assert not amended(tmp_path, tokens, feeds=event).contract.column("kind").required


def test_a_code_without_a_meaning_in_a_shape_is_left_alone(tmp_path: Path):
    event = {
        "shape": "event",
        "columns": {
            "event_id": {"column": "village"},
            "channel": {"column": "kind", "codes": {"yes": "public"}},
        },
    }
    new = amended(tmp_path, asked(AddCodes(column="kind", codes=("no",))), asked(TOKENS), feeds=event)
    assert new.contract.column("kind").codes == ("yes",)
    assert new.contract.column("people").null_tokens == ("-",)
    assert "needs a meaning" in new.left[0]
