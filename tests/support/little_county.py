"""A small federation of three datasets, one a rule of versions, whose files come in rounds from a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from shanhai.cli import main
from shanhai.contracts import render_dbt, render_suite
from shanhai.contracts.federation import open_federation
from shanhai.contracts.render_dags import render as render_dags
from shanhai.ingest import walk
from shanhai.ingest.node import open_node
from shanhai.ingest.purge import purge
from shanhai.settings import read_settings

PRODUCT = Path(__file__).parents[2] / "dbt"
RULES: dict[str, dict[str, Any]] = {
    "events": {"versions": {"rule": "latest", "by": "seen_at"}, "duplicates": "table"},
    "visits": {
        "versions": {"rule": "replace"},
        # Windows for which nothing ever comes: they are late.
        "schedule": {"cron": "0 3 * * *", "start": "2024-01-01", "end": "2024-01-02", "due_hours": 24},
    },
    "counts": {"duplicates": "delivery"},
}
_COLUMNS = [
    {"name": "id", "logicalType": "string", "required": True, "primaryKey": True},
    {"name": "n", "logicalType": "integer", "required": True},
    {"name": "seen_at", "logicalType": "timestamp", "required": True},
    {"name": "note", "logicalType": "string"},
]
_WRONG = ("many", "1000000", "-5")
_PROPERTIES: dict[str, Any] = {
    "level": "district",
    "shareClass": "conditional",
    "format": {"kind": "csv"},
    "delivery": {"per": "file", "partition": {"by": "file", "pattern": r"(?P<partition>p[0-9a-h]+)"}},
    "tolerance": {"hold": 0.5, "refuse": 0.8},
    "retention": {"quarantine_days": 30, "snapshot_days": 30},
}
_KEPT = (
    "dbt_project.yml",
    "macros/*",
    "models/marts/mart_pool_size.*",
    "models/marts/_sources.yml",
    "tests/pool_*",
)
_MARTS = {"mart_every_event": "events", "mart_every_visit": "visits"}
_MART = """select id, n, seen_at, note, _delivery as delivery from {{{{ source('acounty', '{dataset}') }}}}
"""


@dataclass(frozen=True)
class County:
    """The folder of the federation, of the files at the source and of a dbt project with two marts.

    Args:
        seed: of the content of all files; two counties of one seed are sent the same bytes.
        rules: of its datasets, by name.
    """

    root: Path
    seed: int
    rules: Mapping[str, dict[str, Any]] = field(default_factory=RULES.copy)

    @property
    def marts(self) -> Path:
        return self.root / "marts"

    def declare(self, *, retries: int, wide: int = 0) -> None:
        """Write contracts, what is generated from them, and the dbt project.

        Args:
            retries: of a task of a dataset; a test kills more often than fate.
            wide: by the contracts after so many others. Each has one column more, and every second one takes
                numbers that are a little below zero.
        """
        folder = self.root / "districts" / "acounty"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "district.yml").write_text("name: acounty\ntitle: A county\nendpoints: {data: data}\n")
        for name, rules in self.rules.items():
            (self.root / "data" / name).mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(_contract(name, rules, wide=wide))
            (folder / f"{name}.odcs.yml").write_text(text)
        federation = open_federation(self.root)
        generated = {
            **render_suite.render(federation),
            **render_dbt.render(federation),
            **render_dags(federation),
        }
        for path, text in generated.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")
        self._retry(retries)
        for file in (file for pattern in _KEPT for file in PRODUCT.glob(pattern)):
            place = self.marts / file.relative_to(PRODUCT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        for mart, dataset in _MARTS.items():
            model = self.marts / "models" / "marts" / f"{mart}.sql"
            model.write_text(_MART.format(dataset=dataset))
            page = {"name": mart, "description": "Every row. 每一行", "access": "public"}
            model.with_suffix(".yml").write_text(yaml.safe_dump({"version": 2, "models": [page]}))

    def send(self, number: int, *, files: int = 2, wide: int = 0) -> None:
        """Place the files of one round at the sources: good rows, broken, repeated, old and corrected ones.

        Every third round one delivery of `events` is bad enough to be held, and one to be refused. Of rows
        that are broken one in three is no number, one too great and one a little below zero.

        Args:
            files: of each dataset.
            wide: how many columns more they have, see `declare`.
        """
        for name in self.rules:
            for place in range(files):
                chance = random.Random(f"{self.seed} {number} {name} {place}")
                partition = f"{partitions_of(number)}{'abcdefgh'[place]}"
                bad = 0.1
                if name == "events" and number % 3 == 2:
                    bad = (0.7, 0.95)[place % 2]
                file = self.root / "data" / name / f"{partition}.csv"
                file.write_text(_rows(chance, rows=40, bad=bad, wide=wide), encoding="utf-8")

    def run(self, home: Path, *arguments: str) -> int:
        """The command line of another node of the federation, in this process; returns its exit code."""
        before = os.environ.get("SHANHAI_DBT_PROJECT")
        os.environ["SHANHAI_DBT_PROJECT"] = str(self.marts)
        try:
            return main(["--home", str(home), "--federation", str(self.root), *arguments])
        finally:
            os.environ.pop("SHANHAI_DBT_PROJECT")
            os.environ |= {"SHANHAI_DBT_PROJECT": before} if before is not None else {}

    def command(self, home: Path, *arguments: str) -> int:
        """The same in a process of its own, as for dbt, which does not share one with threads of a test."""
        command = [sys.executable, "-m", "shanhai.cli", "--home", str(home), "--federation", str(self.root)]
        environment = {**os.environ, "SHANHAI_DBT_PROJECT": str(self.marts)}
        repository = Path(__file__).parents[2]
        return subprocess.run(
            [*command, *arguments], env=environment, cwd=repository, timeout=900, check=False
        ).returncode

    def late(self, home: Path) -> list[str]:
        """Tell of the windows that are late in a home; returns those that were told now."""
        node = open_node(read_settings(home=home, federation=self.root, dbt_project=self.marts))
        told: list[str] = walk.late_step(node)["told"]
        return told

    def purge(self, home: Path, *, days: int) -> int:
        """Purge a home as it will be in so many days; returns how many files are gone."""
        then = datetime.now(UTC) + timedelta(days=days)
        settings = read_settings(home=home, federation=self.root, dbt_project=self.marts)
        node = open_node(settings, clock=lambda: then)
        return purge(node, node.federation.datasets).erased.files

    def _retry(self, retries: int) -> None:
        file = self.root / "dags" / "datasets.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        for knobs in document["datasets"]:
            knobs |= {"retries": retries, "cron": None, "start": None, "end": None}
        file.write_text(json.dumps(document), encoding="utf-8")


def partitions_of(number: int) -> str:
    """How the partitions of a round begin. Two rounds share them: what came is replaced by what comes."""
    return f"p{number // 2:03}"


def _contract(name: str, rules: dict[str, Any], *, wide: int) -> dict[str, Any]:
    options = {"logicalTypeOptions": {"minimum": -9 if wide % 2 else 0, "maximum": 999}}
    columns = [column | (options if column["name"] == "n" else {}) for column in _COLUMNS]
    columns += [{"name": name, "logicalType": "string"} for name in _more(wide)]
    source = {"connector": "files", "endpoint": "data", "options": {"path": f"{name}/*.csv"}}
    properties = {**_PROPERTIES, "source": source, **rules}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"urn:test:{name}",
        "name": name,
        "version": f"{wide + 1}.0.0",
        "status": "active",
        "schema": [{"name": name, "logicalType": "object", "properties": columns}],
        "customProperties": [{"property": key, "value": value} for key, value in properties.items()],
    }


def _more(wide: int) -> list[str]:
    return [f"more_{number}" for number in range(1, wide + 1)]


def _rows(chance: random.Random, *, rows: int, bad: float, wide: int) -> str:
    lines = []
    wrong = dict(zip(chance.sample(range(rows), round(rows * bad)), cycle(_WRONG), strict=False))
    for place in range(rows):
        key = f"k{chance.randrange(150)}"
        day = f"2024-0{chance.randrange(1, 10)}-1{chance.randrange(10)}"
        number = wrong.get(place, str(chance.randrange(1000)))
        lines.append(",".join([key, number, day, chance.choice(["", "seen", "heard"]), *[number] * wide]))
    lines += chance.sample(lines, 3)
    return "\n".join([",".join(["id", "n", "seen_at", "note", *_more(wide)]), *lines]) + "\n"
