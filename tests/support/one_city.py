"""A federation of one dataset in a temporary folder, pulled from files that a test writes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from shanhai.ids import DatasetId, DeliveryId
from shanhai.ingest import walk
from shanhai.ingest.ledger import LedgerRow, ledger
from shanhai.ingest.load import open_table
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.reconcile import reconcile
from shanhai.ingest.records import present_terms
from shanhai.settings import read_settings

DATASET = DatasetId("acity", "events")
HEADER = "编号,n,at\n"
COLUMNS = [
    {
        "name": "id",
        "logicalType": "string",
        "primaryKey": True,
        "customProperties": [{"property": "source", "value": "编号"}],
    },
    {"name": "n", "logicalType": "integer", "required": True, "logicalTypeOptions": {"minimum": 0}},
    {"name": "at", "logicalType": "timestamp", "required": True},
]
PROPERTIES: dict[str, Any] = {
    "level": "district",
    "shareClass": "conditional",
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "*.csv"}},
    "format": {"kind": "csv"},
    "delivery": {"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>[^.]+)\."}},
    "duplicates": "table",
    "versions": {"rule": "latest", "by": "at"},
    "tolerance": {"hold": 0.5, "refuse": 0.8},
}


@dataclass
class City:
    """One node with one dataset; `tick` moves its clock so that pulls are told apart."""

    root: Path
    now: datetime = field(default_factory=lambda: datetime(2024, 3, 1, tzinfo=UTC))

    def copied(self, root: Path) -> City:
        """The same node elsewhere, at the same moment."""
        shutil.copytree(self.root, root)
        return City(root, self.now)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def node(self) -> Node:
        settings = read_settings(home=self.root / "home", federation=self.root)
        return open_node(settings, clock=self.clock)

    def declare(
        self, columns: list[dict[str, Any]] | None = None, version: str | None = None, **properties: Any
    ) -> None:
        """Write the contract, with some custom properties replaced and those given as None left out.

        Args:
            version: by default 1.0.0, and the next major one once there is a lake.
        """
        merged = {key: value for key, value in {**PROPERTIES, **properties}.items() if value is not None}
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "urn:test:events",
            "name": "events",
            "version": version or "1.0.0",
            "status": "active",
            "schema": [{"name": "events", "logicalType": "object", "properties": columns or COLUMNS}],
            "customProperties": [{"property": key, "value": value} for key, value in merged.items()],
        }
        folder = self.root / "districts" / "acity"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "district.yml").write_text("name: acity\ntitle: A city\nendpoints: {data: data}\n")
        file = folder / "events.odcs.yml"
        if version is None and file.is_file() and (self.root / "home" / "lake").is_dir():
            document["version"] = _next_version(yaml.safe_load(file.read_text(encoding="utf-8")), document)
        file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        from shanhai.contracts import render_suite
        from shanhai.contracts.federation import open_federation

        for path, text in render_suite.render(open_federation(self.root)).items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")

    def put(self, name: str, text: str | bytes) -> None:
        """Place a file at the source."""
        self.data.mkdir(exist_ok=True)
        raw = text if isinstance(text, bytes) else text.encode()
        (self.data / name).write_bytes(raw)

    def walk(self) -> dict[str, Any]:
        return walk.walk(self.node, DATASET)

    def ledger(self) -> dict[str, LedgerRow]:
        """Net rows by partition; a partition with several deliveries shows the last one pulled."""
        return {row.delivery.partition: row for row in ledger(self.node)}

    def delivery(self, partition: str) -> DeliveryId:
        return self.ledger()[partition].delivery

    def staging(self, delivery: DeliveryId) -> Path:
        """The folder of what was staged for a delivery under the contract as it is now."""
        return self.node.staging(delivery, present_terms(self.node, delivery).id)

    def rows(self, columns: str = "id, n") -> list[tuple[Any, ...]]:
        """The table's rows, read with plain DuckDB from the files of its newest version."""
        table = open_table(self.node, DATASET)
        files = [(table.path / name).as_posix() for name in table.files()]
        if not files:
            return []
        found = duckdb.connect().execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [files])
        return found.fetchall()

    def quarantined(self) -> list[tuple[Any, ...]]:
        """Position and reasons of the quarantined rows, as the quarantine table has them."""
        from shanhai.warehouse.lake import LakeTable

        reconcile(self.node)
        relation = LakeTable.open(self.node.books("quarantine")).relation()
        return duckdb.connect().execute(f'SELECT "position", reasons FROM {relation} ORDER BY ALL').fetchall()


def two_days(root: Path) -> City:
    """Two files to pull: the first has a row that is refused, the second a newer version of another."""
    root.mkdir()
    place = City(root)
    place.declare()
    place.put("d1.csv", HEADER + "a,1,2024-01-01T00:00:00Z\nb,-1,2024-01-01T00:00:00Z\n")
    place.put("d2.csv", HEADER + "a,3,2024-01-02T00:00:00Z\nc,3,2024-01-02T00:00:00Z\n")
    return place


def _next_version(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The version that a changed contract may have, whatever was changed."""
    known = str(before["version"])
    if {**before, "version": ""} == {**after, "version": ""}:
        return known
    return f"{int(known.partition('.')[0]) + 1}.0.0"
