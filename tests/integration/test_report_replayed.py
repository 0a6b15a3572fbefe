"""A home with released rows and replayed deliveries: its report is right, and staging again agrees."""

from __future__ import annotations

import json

import pytest
import yaml
from walked import Walked

from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.release import release
from shanhai.settings import read_settings

pytestmark = pytest.mark.timeout(900)
WHO = {"by": "Li Wei", "reason": "a meter that runs backwards"}


def opened(node: Walked) -> Node:
    return open_node(read_settings(home=node.home, federation=node.root))


def agrees(node: Walked, capsys: pytest.CaptureFixture[str]) -> dict:
    assert node("report") == 0
    capsys.readouterr()
    code = node("report", "verify", "--deep", "--format", "json")
    found = json.loads(capsys.readouterr().out)
    assert (code, found["differences"]) == (0, []), found["differences"][:5]
    return found


def told(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return json.loads(capsys.readouterr().out)


def change_the_contract(node: Walked) -> None:
    file = node.root / "districts" / "longyou" / "water_meters.odcs.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["version"] = "2.0.0"
    flow = next(one for one in document["schema"][0]["properties"] if one["name"] == "flow")
    flow.pop("logicalTypeOptions")
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    assert node("generate") == 0


def test_the_report_of_released_rows_agrees_with_the_home(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    (second,) = (row for row in ledger(opened(node)) if row.delivery.partition == "d2")
    release(opened(node), second.delivery, ["flow.range"], **WHO)
    after = next(row for row in ledger(opened(node)) if row.delivery == second.delivery)
    assert (after.counts.quarantined, after.counts.loaded) == (0, second.counts.loaded + 2)
    found = agrees(node, capsys)
    assert found["looked_at"]["numbers staged again"] > 30
    document = node.figures()
    (shown,) = [
        one
        for one in document["figures"]
        if one[0] == f"rules of {second.delivery.short}"
        and one[1][1] == "flow.range"
        and one[2] == ["unexpected"]
    ]
    assert shown[4] == "2"


def test_every_delivery_that_is_behind_is_brought_up(
    node: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    change_the_contract(node)
    capsys.readouterr()
    # d3 was held and approved by a person: what the gate has against it still is no other than then.
    assert node("replay", "--all-behind", "--dry-run", "--format", "json") == 0
    would = told(capsys)
    assert [(one["changes"], one["committed"]) for one in would] == [(True, False)] * 2
    assert node("replay", "--all-behind", "--format", "json") == 0
    assert told(capsys) == [{**one, "committed": True} for one in would]
    assert node("replay", "--dataset", "longyou.water_meters", "--format", "json") == 0
    assert told(capsys) == []
    rows = {row.delivery.partition: row for row in ledger(opened(node))}
    assert {name: row.counts.quarantined for name, row in rows.items()} == {"d1": 1, "d2": 0, "d3": 0}
    assert {name: row.contract_version for name, row in rows.items()} == {
        "d1": "1.0.0",
        "d2": "2.0.0",
        "d3": "2.0.0",
    }
    agrees(node, capsys)


def test_what_is_chosen_has_to_be_said(node: Walked, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ([], ["longyou.water_meters/d2", "--all-behind"], ["--all-behind", "--by", "Li"]):
        assert node("replay", *wrong) == 78
    assert node("replay", "longyou.water_meters/d1") == 77
    assert "only an accepted delivery" in capsys.readouterr().err
