"""A small home with one of everything: walked, decided, built, published and reported by the command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shanhai.cli import main

COLUMNS = [
    {
        "name": "meter_id",
        "logicalType": "string",
        "required": True,
        "primaryKey": True,
        "logicalTypeOptions": {"pattern": "M[0-9]{3}"},
        "customProperties": [{"property": "source", "value": "水表编号"}],
    },
    {"name": "read_at", "logicalType": "timestamp", "required": True, "primaryKey": True},
    {"name": "flow", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
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
class Walked:
    """The federation's folder, whose home is `home/` inside it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def report(self) -> Path:
        return self.home / "report"

    def __call__(self, *arguments: str) -> int:
        """Run the command line; returns its exit code."""
        return main(["--home", str(self.home), "--federation", str(self.root), *arguments])

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "figures.json").read_text(encoding="utf-8"))
        return found


def walked(root: Path, *, build: bool = True) -> Walked:
    """Three deliveries: one is accepted, one approved by a person, one withdrawn; then the report is written.

    Args:
        build: whether marts are built and published before that.
    """
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:water_meters",
        "name": "water_meters",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "water_meters", "logicalType": "object", "properties": COLUMNS}],
        "customProperties": [{"property": key, "value": value} for key, value in PROPERTIES.items()],
    }
    folder = root / "districts" / "longyou"
    folder.mkdir(parents=True)
    (folder / "district.yml").write_text("name: longyou\ntitle: 某县\nendpoints: {data: data}\n")
    (folder / "water_meters.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
    (root / "data").mkdir()
    _put(root, 1, good=9, bad=1)
    _put(root, 2, good=8, bad=2, repeated=3)
    _put(root, 3, good=4, bad=6)
    home = Walked(root)
    steps = [
        ["generate"],
        ["walk", "--all"],
        ["delivery", "approve", "longyou.water_meters/d3", "--by", "Li Wei", "--reason", "looked at it"],
        ["delivery", "withdraw", "longyou.water_meters/d1", "--by", "王强", "--reason", "区县撤回"],
        *([["build"], ["publish"]] if build else []),
        ["report"],
    ]
    for step in steps:
        assert home(*step) == 0, step
    return home


def _put(root: Path, day: int, *, good: int, bad: int, repeated: int = 0) -> None:
    right = [f"M{place:03},2024-03-{day:02} 01:00:00,1.5" for place in range(good)]
    wrong = [f"M{place:03},2024-03-{day:02} 02:00:00,-1" for place in range(bad)]
    lines = ["水表编号,read_at,flow", *right, *wrong, *right[:repeated]]
    (root / "data" / f"d{day}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
