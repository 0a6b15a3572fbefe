"""From files to the report by the command line alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from walked import METER, PERSON, Walked

from shanhai.cli import main

PEOPLE = {"good": "11010519491231002X", "bad": "110105194912310021"}
COLUMNS = [
    *METER,
    {
        "name": "holder_id",
        "logicalType": "string",
        "customProperties": [
            {"property": "source", "value": "身份证号"},
            {"property": "personal", "value": True},
            {"property": "validators", "value": ["resident_id"]},
        ],
    },
]
PROPERTIES = {
    "title": "智能水表读数",
    "level": "community",
    "shareClass": "conditional",
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.csv"}},
    "format": {"kind": "csv"},
    "delivery": {"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>[^.]+)\."}},
    "duplicates": "table",
    "tolerance": {"hold": 0.3, "refuse": 0.8},
}


@dataclass(frozen=True)
class Commands:
    """The command line over one federation."""

    root: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Standard output of one call, which must end with `code`."""
        places = ["--home", str(self.root / "home"), "--federation", str(self.root)]
        found = main([*places, *arguments])
        captured = self.capture.readouterr()
        assert found == code, captured.err
        assert "Traceback" not in captured.err
        return captured.out

    def read(self, *arguments: str) -> Any:
        """The JSON that one call prints."""
        return json.loads(self(*arguments, "--format", "json"))

    def counts(self) -> dict[str, tuple[str, int, int, int]]:
        """Verdict, loaded, quarantined and withheld rows by partition."""
        return {
            row["partition"]: (row["verdict"], row["loaded"], row["quarantined"], row["withheld"])
            for row in self.read("ledger", "--check")
        }


@pytest.fixture
def shanhai(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:meters",
        "name": "meters",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "meters", "logicalType": "object", "properties": COLUMNS}],
        "customProperties": [{"property": key, "value": value} for key, value in PROPERTIES.items()],
    }
    folder = tmp_path / "districts" / "acity"
    folder.mkdir(parents=True)
    (folder / "district.yml").write_text("name: acity\ntitle: 某区\nendpoints: {data: data}\n")
    (folder / "meters.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d0.csv").write_bytes(b"<!doctype html><html><body>Sign in</body></html>")
    _put(tmp_path, "d1", good=9, bad=1)
    _put(tmp_path, "d2", good=8, bad=2, repeated=3)
    _put(tmp_path, "d3", good=4, bad=6)
    shanhai = Commands(tmp_path, capsys)
    shanhai("generate")
    return shanhai


def _put(root: Path, name: str, *, good: int, bad: int, repeated: int = 0) -> None:
    day = f"2024-03-{int(name[1:]):02}"
    right = [f"M{place:03},{day} 01:00:00,1.5,{PEOPLE['good']}" for place in range(good)]
    wrong = [f"M{place:03},{day} 02:00:00,-1,{PEOPLE['bad']}" for place in range(bad)]
    lines = ["水表编号,read_at,flow,身份证号", *right, *wrong, *right[:repeated]]
    (root / "data" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def walked_shanhai(node: Walked, capsys: pytest.CaptureFixture[str]) -> Commands:
    """A copy of the home that all tests share."""
    return Commands(node.root, capsys)


def test_walk_decide_and_ledger(shanhai: Commands) -> None:
    assert shanhai.read("generate", "--check") == []
    became = shanhai.read("walk", "--all")
    assert [(line["partition"], line["verdict"]) for line in became] == [
        ("d0", "refused"),
        ("d1", "accepted"),
        ("d2", "accepted"),
        ("d3", "held"),
    ]
    assert shanhai.read("walk", "acity.meters") == []
    held = {"d1": ("accepted", 9, 1, 0), "d2": ("accepted", 8, 2, 0), "d3": ("held", 0, 6, 4)}
    assert shanhai.counts() == {"d0": ("refused", 0, 0, 0), **held}

    (waiting,) = shanhai.read("delivery", "list", "--verdict", "held")
    shanhai("delivery", "approve", waiting["short"], code=2)
    shanhai("delivery", "approve", "acity.meters/d9", "--by", "Li Wei", "--reason", "x", code=78)
    shanhai("delivery", "withdraw", waiting["short"], "--by", "Li Wei", "--reason", "x", code=77)
    done = shanhai.read("delivery", "approve", waiting["short"], "--by", "Li Wei", "--reason", "looked at it")
    assert (done["verdict"], done["decided_by"], done["reason"]) == ("accepted", "Li Wei", "looked at it")
    shanhai("delivery", "withdraw", "acity.meters/d1", "--by", "王强", "--reason", "区县撤回")
    assert shanhai.counts() == {
        "d0": ("refused", 0, 0, 0),
        "d1": ("withdrawn", 0, 1, 9),
        "d2": ("accepted", 8, 2, 0),
        "d3": ("accepted", 4, 6, 0),
    }
    shown = shanhai.read("delivery", "show", "acity.meters/d1")
    assert [entry["kind"] for entry in shown["entries"]] == ["load", "withdraw"]
    assert {check["rule"] for check in shown["broken_checks"]} == {"flow.range", "holder_id.resident_id"}


def test_tables_for_people(walked_shanhai: Commands) -> None:
    for words in (
        ["ledger"],
        ["delivery", "list"],
        ["delivery", "show", "longyou.water_meters/d3"],
        ["quarantine", "list"],
        ["contract", "list"],
        ["doctor"],
    ):
        out = walked_shanhai(*words)
        assert out.strip()
        assert PERSON not in out
    assert walked_shanhai.read("quarantine", "list", "--dataset", "longyou.water_meters")[0]["rows"] == 1
    assert len(walked_shanhai.read("publications")) == 1


def test_lineage_is_shown_and_exported(walked_shanhai: Commands) -> None:
    shown = walked_shanhai.read("lineage", "show", "longyou.water_meters/d2")
    assert [body["sha256"] for body in shown["bodies"]] == [shown["snapshot_sha256"]]
    table = walked_shanhai.read("lineage", "show", "longyou.water_meters")
    assert table["rows"] == sum(row["loaded"] for row in walked_shanhai.read("ledger"))
    lines = walked_shanhai("lineage", "export").splitlines()
    runs = 4 * 3 + 2 + 2
    assert len(lines) == 2 * runs
    assert {json.loads(line)["eventType"] for line in lines} == {"START", "COMPLETE"}
    mart = walked_shanhai.read("lineage", "show", "mart_pool_size")
    assert {part["dataset"] for part in mart["tables"]} == {"longyou.water_meters"}
    walked_shanhai("lineage", "show", "fct_event", code=78)


def test_a_report_that_was_not_written_is_noticed(walked_shanhai: Commands) -> None:
    from shanhai.ingest.node import open_node
    from shanhai.report.write import is_behind
    from shanhai.settings import read_settings

    root = walked_shanhai.root
    node = open_node(read_settings(home=root / "home", federation=root))
    assert not is_behind(node)
    manifest = root / "home" / "report" / "manifest.json"
    kept = manifest.read_text()
    manifest.write_text("{")
    assert is_behind(node)
    manifest.write_text(kept)
    walked_shanhai(
        "delivery", "withdraw", "longyou.water_meters/d2", "--by", "Li Wei", "--reason", "recalled"
    )
    walked_shanhai("reconcile")
    assert is_behind(node)
    walked_shanhai("report")
    assert not is_behind(node)
