"""A small home: a federation written as contracts, lake tables made by hand, the ledger beside them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from shanhai.contracts import render_dbt
from shanhai.contracts.federation import Federation, open_federation
from shanhai.contracts.schema import arrow_schema
from shanhai.ids import DatasetId
from shanhai.settings import Settings, read_settings
from shanhai.warehouse.build import build
from shanhai.warehouse.lake import Change, LakeTable
from shanhai.warehouse.last_build import BuildResult
from shanhai.warehouse.project import SCHEMA
from shanhai.warehouse.session import duckdb_session

REPOSITORY = Path(__file__).parents[3]
MOMENT = datetime(2024, 3, 4, 8, tzinfo=UTC)

EVENT_COLUMNS = {
    "event_id": "string",
    "area": "string",
    "platform": "string",
    "day": "date",
    "at": "timestamp",
}
EVENT_FEED = {
    "shape": "event",
    "columns": {
        "event_id": {"column": "event_id"},
        "area_code": {"column": "area"},
        "channel": {"column": "platform", "codes": {"12345": "public", "探头": "sensor"}},
        "track": {"value": "safety"},
        "reported_at": {"column": "day"},
        "solved_at": {"column": "at"},
    },
}
EVENT_CODES = {"platform": ["12345", "探头"]}
AREA_COLUMNS = {"code": "string", "name": "string", "level": "string", "parent": "string"}
AREA_FEED = {
    "shape": "area",
    "columns": {
        "edition": {"column": "_partition"},
        "area_code": {"column": "code"},
        "area_name": {"column": "name"},
        "area_level": {"column": "level"},
        "parent_code": {"column": "parent"},
    },
}
AREA_CODES = {"level": ["province", "city", "district", "street", "community"]}


@dataclass
class Home:
    """A federation folder and a state folder, filled step by step."""

    root: Path
    settings: Settings

    @property
    def federation(self) -> Federation:
        return open_federation(self.root)

    def declare(
        self,
        name: str,
        columns: Mapping[str, str],
        *,
        feeds: Mapping[str, Any] | None = None,
        codes: Mapping[str, Sequence[str]] | None = None,
        level: str = "district",
        time_zone: str = "Asia/Shanghai",
        units: Mapping[str, str] | None = None,
        coordinates: Mapping[str, str] | None = None,
    ) -> None:
        """Write a contract and everything that is generated from all of them.

        Args:
            columns: name → type.
            units: name of a number → its unit; such a number may be missing.
            coordinates: name of a coordinate → its system.
        """
        district, _, dataset = name.partition(".")
        folder = self.root / "districts" / district
        folder.mkdir(parents=True, exist_ok=True)
        place = {"name": district, "title": "区 {{ not jinja }}", "endpoints": {"api": "data"}}
        (folder / "district.yml").write_text(yaml.safe_dump(place), encoding="utf-8")
        document = _document(dataset, district, columns, feeds, codes or {}, level)
        document["customProperties"].append({"property": "timeZone", "value": time_zone})
        for key, numbers in (("unit", units or {}), ("crs", coordinates or {})):
            document["schema"][0]["properties"] += [_number(*one, key) for one in numbers.items()]
        (folder / f"{dataset}.odcs.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        self.generate()

    def generate(self) -> None:
        for path, text in render_dbt.render(self.federation).items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")

    def load(
        self,
        name: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        delivery: str = "one",
        partition: str = "all",
        told: int | None = None,
    ) -> None:
        """Commit rows as one delivery, and one entry in the ledger that tells of `told` rows."""
        dataset = DatasetId.parse(name)
        schema = arrow_schema(self.federation.contract(dataset))
        path = self.settings.home / "lake" / dataset.district / dataset.name
        table = LakeTable.create(path, schema, name=name)
        label = f"{name}/{partition}/{delivery}"
        full = [{**row, "_delivery": label, "_partition": partition} for row in rows]
        file = f"{name}-{partition}-{delivery}.parquet"
        pq.write_table(pa.Table.from_pylist(full, schema=schema), path / file)
        version = table.commit(Change(add={file: len(rows)}, facts={"delivery": label}), at=MOMENT)
        self.tell(name, label, len(rows) if told is None else told, version)

    def tell(self, name: str, delivery: str, loaded: int, version: int) -> None:
        """Add an entry to the ledger."""
        dataset = DatasetId.parse(name)
        schema = pa.schema(
            [
                *((column, pa.string()) for column in ("delivery", "district", "dataset")),
                *((column, pa.int64()) for column in ("loaded", "table_version")),
            ]
        )
        entry = {
            "delivery": delivery,
            "district": dataset.district,
            "dataset": dataset.name,
            "loaded": loaded,
            "table_version": version,
        }
        path = self.settings.home / "lake" / "_system" / "ledger"
        table = LakeTable.create(path, schema, name="ledger")
        file = f"entry-{table.version}.parquet"
        pq.write_table(pa.Table.from_pylist([entry], schema=schema), path / file)
        table.commit(Change(add={file: 1}), at=MOMENT)

    def build(self, **options: Any) -> BuildResult:
        return build(self.settings, self.federation, **options)

    def query(self, result: BuildResult, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the scratch file; `{marts}` stands for the schema."""
        with duckdb_session(self.settings, result.database, read_only=True) as con:
            return con.execute(sql.format(marts=f'"{SCHEMA}"')).fetchall()


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Home]:
    """Makes a home of an empty federation, each in the place of the last: dbt knows what it parsed there."""
    state = tmp_path_factory.mktemp("state") / "home"
    parsed = state / "scratch" / "dbt" / "target" / "partial_parse.msgpack"

    def make() -> Home:
        kept = parsed.read_bytes() if parsed.is_file() else None
        shutil.rmtree(state, ignore_errors=True)
        if kept is not None:
            parsed.parent.mkdir(parents=True)
            parsed.write_bytes(kept)
        root = tmp_path_factory.mktemp("federation")
        (root / "districts").mkdir()
        made = Home(root, read_settings(home=state, federation=root, dbt_project=REPOSITORY / "dbt"))
        made.generate()
        return made

    return make


@pytest.fixture
def home(new_home: Callable[[], Home]) -> Home:
    """A federation without contracts, on the product's own marts."""
    return new_home()


@pytest.fixture
def city(home: Home) -> Home:
    """A district with events and a register of areas; nothing is loaded yet."""
    home.declare("gongshu.events", EVENT_COLUMNS, feeds=EVENT_FEED, codes=EVENT_CODES, level="street")
    home.declare("gongshu.register", AREA_COLUMNS, feeds=AREA_FEED, codes=AREA_CODES)
    return home


def event(number: int, **fields: Any) -> dict[str, Any]:
    """A row of `gongshu.events`."""
    return {
        "event_id": f"E{number}",
        "area": "330105",
        "platform": "12345",
        "day": date(2024, 3, 1),
        "at": None,
    } | fields


def _document(
    dataset: str,
    district: str,
    columns: Mapping[str, str],
    feeds: Mapping[str, Any] | None,
    codes: Mapping[str, Sequence[str]],
    level: str,
) -> dict[str, Any]:
    custom: dict[str, Any] = {
        "title": f"{dataset} {{% raw",
        "level": level,
        "shareClass": "unconditional",
        "source": {"connector": "files", "endpoint": "api", "options": {}},
        "format": {"kind": "csv"},
    }
    if feeds is not None:
        custom["feeds"] = dict(feeds)
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"urn:shanhai:{district}:{dataset}",
        "name": dataset,
        "version": "1.0.0",
        "status": "active",
        "tenant": district,
        "schema": [
            {
                "name": dataset,
                "logicalType": "object",
                "physicalType": "table",
                "properties": [_property(name, kind, codes.get(name)) for name, kind in columns.items()],
            }
        ],
        "customProperties": [{"property": name, "value": value} for name, value in custom.items()],
    }


def _property(name: str, kind: str, codes: Sequence[str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "logicalType": kind, "required": name not in ("parent", "at")}
    if codes:
        made["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "mustBe": 0,
                "arguments": {"validValues": list(codes)},
            }
        ]
    return made


def _number(name: str, text: str, key: str) -> dict[str, Any]:
    return {
        "name": name,
        "logicalType": "number",
        "customProperties": [{"property": key, "value": text}],
    }
