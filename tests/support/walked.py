"""A small home with one of everything: walked, decided, built, published and reported by the command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shanhai.cli import main

PERSON = "11010519491231002X"
NAMED = "欧阳秘密"
SECRET = "kept-from-everybody-4711"
SCRIPT = """<script>alert("1 & '2'")</script>"""
"""What somebody may try to bring onto a page."""
METER: list[dict[str, Any]] = [
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
"""Columns of a meter that is read, without who reads it at home."""
COLUMNS = [
    *METER,
    *(
        {"name": name, "logicalType": "string", "customProperties": [{"property": "personal", "value": True}]}
        for name in ("holder_id", "holder")
    ),
]
PROPERTIES = {
    "title": f"智能水表读数 {SCRIPT}",
    "level": "community",
    "shareClass": "conditional",
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.csv"}},
    "format": {"kind": "csv"},
    "delivery": {"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>[^.]+)\."}},
    "schedule": {"cron": "0 3 * * *", "start": "2024-03-01", "end": "2024-03-03", "due_hours": 30},
    "duplicates": "table",
    "tolerance": {"hold": 0.3, "refuse": 0.8},
}
QUERY = {
    "type": "sql",
    "name": "some_flow",
    "description": f"water flows {SCRIPT}",
    "query": "SELECT count(*) FROM {object} WHERE flow > 1",
    "mustBeGreaterThan": 0,
    "severity": "info",
}
PLAUSIBLE = """fill:
  holder: {min: 0.9, reason: every <b>meter</b> has a holder, since: 2024-01-01}
"""


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


def walked(root: Path) -> Walked:
    """Three deliveries: one is accepted, one approved by a person, one withdrawn; then the report is written.

    It has one of everything: late windows, a query, an implausible delivery with a heading that nobody knows,
    personal values, a secret, and text that would like to be markup.
    """
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "urn:test:water_meters",
        "name": "water_meters",
        "version": "1.0.0",
        "status": "active",
        "schema": [
            {"name": "water_meters", "logicalType": "object", "properties": COLUMNS, "quality": [QUERY]}
        ],
        "customProperties": [{"property": key, "value": value} for key, value in PROPERTIES.items()],
    }
    folder = root / "districts" / "longyou"
    folder.mkdir(parents=True)
    (folder / "district.yml").write_text("name: longyou\ntitle: 某县 <i>\"&'\nendpoints: {data: data}\n")
    (folder / "water_meters.odcs.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
    plausible = root / "expectations" / "plausibility" / "longyou"
    plausible.mkdir(parents=True)
    (plausible / "water_meters.yml").write_text(PLAUSIBLE, encoding="utf-8")
    (root / "home" / "secrets").mkdir(parents=True, mode=0o700)
    (root / "home" / "secrets" / "portal").write_text(SECRET)
    (root / "data").mkdir()
    _put(root, 1, good=9, bad=1)
    _put(root, 2, good=8, bad=2, repeated=3)
    _put(root, 3, good=4, bad=6)
    home = Walked(root)
    steps = [
        ["generate"],
        ["walk", "--all"],
        [
            "delivery",
            "approve",
            "longyou.water_meters/d3",
            "--by",
            f"Li Wei {SCRIPT}",
            "--reason",
            f"looked at it {SCRIPT}",
        ],
        ["delivery", "withdraw", "longyou.water_meters/d1", "--by", "王强", "--reason", "区县撤回"],
        ["build"],
        ["publish"],
        ["report"],
    ]
    with one_mart(root / "marts"):
        for step in steps:
            assert home(*step) == 0, step
    return home


@contextmanager
def one_mart(folder: Path) -> Iterator[None]:
    """The dbt project with one mart and its tests only, since all of them take dbt half a minute."""
    own, setting = Path(__file__).parents[2] / "dbt", "SHANHAI_DBT_PROJECT"
    kept = (
        "dbt_project.yml",
        "macros/*",
        "models/marts/mart_pool_size.*",
        "models/marts/_sources.yml",
        "tests/pool_*",
    )
    for file in (file for pattern in kept for file in own.glob(pattern)):
        place = folder / file.relative_to(own)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    before = os.environ.get(setting)
    os.environ[setting] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(setting)
        os.environ |= {setting: before} if before is not None else {}


def _put(root: Path, day: int, *, good: int, bad: int, repeated: int = 0) -> None:
    right = [f"M{place:03},2024-03-{day:02} 01:00:00,1.5,{PERSON},{NAMED}" for place in range(good)]
    wrong = [f"M{place:03},2024-03-{day:02} 02:00:00,-1,{PERSON},{NAMED}" for place in range(bad)]
    lines = ["水表编号,read_at,flow,holder_id,holder", *right, *wrong, *right[:repeated]]
    if day == 3:
        lines = [line.removesuffix(NAMED) if ",-1," in line else line for line in lines]
        lines = [f"{lines[0]},备注{SCRIPT.replace(chr(34), '')}", *(f"{line},x" for line in lines[1:])]
    (root / "data" / f"d{day}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
