"""Every number that a contract may state has bounds: what is none, or absurd, is refused where it stands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Contract
from shanhai.errors import ContractError
from shanhai.ids import DatasetId

TEXT = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:test:meters
name: meters
version: 1.2.3
status: active
schema:
  - name: meters
    logicalType: object
    properties:
      - name: meter_id
        logicalType: string
        logicalTypeOptions: {OF_A_TEXT}
      - name: volume
        logicalType: number
        physicalType: DECIMAL(12,3)
        logicalTypeOptions: {OF_A_NUMBER}
      - name: longitude
        logicalType: number
        customProperties: [{property: crs, value: WGS84}]
    quality:
      - {type: sql, name: some, query: SELECT 1, LIMIT}
customProperties:
  - {property: level, value: community}
  - {property: shareClass, value: conditional}
  - {property: source, value: {connector: files, endpoint: portal}}
  - {property: format, value: {FORMAT}}
  - {property: tolerance, value: {TOLERANCE}}
  - {property: schedule, value: {cron: '0 2 * * *', start: '2024-01-01', SCHEDULE}}
  - {property: retention, value: {RETENTION}}
"""
USUAL = {
    "{OF_A_TEXT}": "{minLength: 1}",
    "{OF_A_NUMBER}": "{minimum: 0}",
    "DECIMAL(12,3)": "DECIMAL(12,3)",
    "LIMIT": "mustBe: 1",
    "{FORMAT}": "{kind: csv}",
    "{TOLERANCE}": "{hold: 0.1}",
    "SCHEDULE": "due_hours: 36",
    "{RETENTION}": "{quarantine_days: 30}",
}
NUMBERS = (
    ".nan",
    ".inf",
    "-.inf",
    "1.0e+400",
    "-1.0e+308",
    "1" + "0" * 400,
    "-1",
    "0",
    "1",
    "0.5",
    "1000000000000",
)


@dataclass(frozen=True)
class Field:
    """Where a number stands, as what, and between which bounds it may be."""

    place: str
    written: str
    low: float
    high: float


FIELDS = {
    "Column.min_length": Field("{OF_A_TEXT}", "{{minLength: {}}}", 0, 2**31 - 1),
    "Column.max_length": Field("{OF_A_TEXT}", "{{maxLength: {}}}", 0, 2**31 - 1),
    "Column.minimum": Field("{OF_A_NUMBER}", "{{minimum: {}}}", -1.8e308, 1.8e308),
    "Column.maximum": Field("{OF_A_NUMBER}", "{{maximum: {}}}", -1.8e308, 1.8e308),
    "Column.precision": Field("DECIMAL(12,3)", "DECIMAL({},0)", 1, 38),
    "Query.limits": Field("LIMIT", "mustBe: {}", -1.8e308, 1.8e308),
    "CsvFormat.skip_lines": Field("{FORMAT}", "{{kind: csv, skip_lines: {}}}", 0, 2**20),
    "CsvFormat.max_line_bytes": Field("{FORMAT}", "{{kind: csv, max_line_bytes: {}}}", 64, 2**30),
    "NdjsonFormat.max_line_bytes": Field("{FORMAT}", "{{kind: ndjson, max_line_bytes: {}}}", 64, 2**30),
    "GeoJsonFormat.max_line_bytes": Field("{FORMAT}", "{{kind: geojson, max_line_bytes: {}}}", 64, 2**30),
    "WorkbookFormat.sheet": Field("{FORMAT}", "{{kind: xlsx, sheet: {}}}", 0, 2**16 - 1),
    "WorkbookFormat.header_row": Field("{FORMAT}", "{{kind: xlsx, header_row: {}}}", 1, 2**20),
    "WorkbookFormat.header_rows": Field("{FORMAT}", "{{kind: xlsx, header_rows: {}}}", 0, 10),
    "Tolerance.hold": Field("{TOLERANCE}", "{{refuse: 1, hold: {}}}", 0, 1),
    "Tolerance.refuse": Field("{TOLERANCE}", "{{hold: 0, refuse: {}}}", 0, 1),
    "Schedule.due_hours": Field("SCHEDULE", "due_hours: {}", 0.1, 87_600),
    "Retention.quarantine_days": Field("{RETENTION}", "{{quarantine_days: {}}}", 1, 36_500),
    "Retention.snapshot_days": Field("{RETENTION}", "{{quarantine_days: 1, snapshot_days: {}}}", 1, 36_500),
}


def numeric(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model, and of those inside it, that may be a number."""
    for name, field in model.model_fields.items():
        parts = set(_parts(field.annotation))
        if parts & {int, float}:
            yield f"{model.__name__}.{name}"
        for part in parts:
            if inspect.isclass(part) and issubclass(part, BaseModel):
                yield from numeric(part)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def test_every_number_of_the_models_is_tried():
    assert set(numeric(Contract)) - {"Query.line"} == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_a_number_out_of_bounds_is_refused_where_it_stands(tmp_path: Path, name: str):
    field, file = FIELDS[name], tmp_path / "meters.odcs.yml"
    known = {
        name.partition(".")[2],
        field.written.partition(": {}")[0].split()[-1].strip("{"),
        "physicalType",
    }
    for number in NUMBERS:
        written, text = field.written.format(number), TEXT
        for place, usual in {**USUAL, field.place: written}.items():
            text = text.replace(place, usual)
        file.write_text(text, encoding="utf-8")
        refused = refusal(file)
        if refused is None:
            assert field.low <= float(number) <= field.high
        else:
            assert refused.line == 1 + text[: text.index(written)].count("\n"), number
            assert known & set(re.findall(r"\w+", refused.complaint)), refused.complaint


def refusal(file: Path) -> ContractError | None:
    try:
        load_contract(file, dataset=DatasetId("longyou", "meters"))
    except ContractError as error:
        return error
    return None
