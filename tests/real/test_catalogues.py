"""Catalogues (DCAT data.json), some broken on purpose: odd types are texts, faulty records quarantined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shanhai.errors import UnreadableError
from tests.real.test_torture import outcome_of
from tests.support.one_city import City
from tests.support.plain_readers import json_text

pytestmark = pytest.mark.real

REQUIRED = ("identifier", "title", "modified")
COLUMNS = {
    "identifier": "identifier",
    "title": "title",
    "modified": "modified",
    "publisher": "publisher.name",
    "media_type": "distribution.0.mediaType",
    "distributions": "distribution",
    "spatial": "spatial",
    "part_of": "isPartOf",
}
IGNORED = (
    *("@type", "accessLevel", "additionalField", "additionalFieldDict", "additionalFieldList"),
    *("additionalFieldListWDict", "bureauCode", "contactPoint", "description", "issued", "keyword"),
    *("landingPage", "language", "license", "programCode", "theme"),
)
FORMAT = {"kind": "json", "records": "dataset"}


@pytest.fixture(scope="module")
def catalogues(real_data: Path) -> dict[str, bytes]:
    folder = real_data / "dcat_datajson"
    if not folder.is_dir():
        pytest.skip(f"the catalogues are not at {folder}")
    return {path.name.removesuffix(".data.json"): path.read_bytes() for path in sorted(folder.glob("*.json"))}


def records(body: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(body)["dataset"]
    return found


def cell(record: dict[str, Any], source: str) -> str | None:
    value: Any = record
    for key in source.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return json_text(value)


def test_each_catalogue_is_loaded_but_for_records_without_what_is_required(tmp_path, catalogues):
    assert len(catalogues) == 14
    city = City(tmp_path)
    city.declare(
        columns=[
            {
                "name": name,
                "logicalType": "string",
                "required": name in REQUIRED,
                "customProperties": [{"property": "source", "value": source}],
            }
            for name, source in COLUMNS.items()
        ],
        source={"connector": "files", "endpoint": "data", "options": {"path": "*.json"}},
        format=FORMAT,
        delivery={"per": "file", "partition": {"by": "file", "pattern": r"^(?P<partition>.+)\.data\.json$"}},
        duplicates="none",
        versions={"rule": "append"},
        tolerance={"hold": 1, "refuse": 1},
        ignored=list(IGNORED),
    )
    for name, body in catalogues.items():
        city.put(f"{name}.data.json", body)
    city.walk()
    ledger = city.ledger()
    good = []
    for name, body in catalogues.items():
        whole = [record for record in records(body) if all(record.get(key) for key in REQUIRED)]
        good += whole
        balance = (ledger[name].counts.rows_in, ledger[name].counts.loaded, ledger[name].counts.quarantined)
        assert balance == (len(records(body)), len(whole), len(records(body)) - len(whole)), name
    loaded = city.rows(", ".join(COLUMNS))
    blank_is_missing = [
        tuple((cell(record, source) or "").strip() or None for source in COLUMNS.values()) for record in good
    ]
    assert sorted(map(repr, loaded)) == sorted(map(repr, blank_is_missing))
    assert len(loaded) == sum(len(records(body)) for body in catalogues.values()) - len(city.quarantined())
    assert "707" in {row[1] for row in loaded}, "a number for a title is its text"
    assert len(city.quarantined()) == 4


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"dataset":', b'"data_set":', "the key dataset is missing"),
        (b'"modified":', b'"modified" ', r"not JSON.*(byte \d+|where a)"),
        (b'"identifier":', b'{"identifier":', r"not JSON.*byte \d+|cut off"),
    ],
    ids=["no list", "no colon", "one brace more"],
)
def test_broken_json_is_refused_with_its_place(tmp_path, catalogues, old, new, words):
    broken = tmp_path / "broken.json"
    whole = catalogues["usda.gov"]
    assert old in whole
    broken.write_bytes(whole.replace(old, new, 1))
    work = tmp_path / "work"
    work.mkdir()
    with duckdb.connect() as con, pytest.raises(UnreadableError, match=words):
        outcome_of(con, broken, FORMAT, ("identifier",), work)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_catalogue_that_is_cut_off_is_refused(tmp_path, catalogues, share):
    whole = catalogues["usda.gov"].rstrip()
    (tmp_path / "cut.json").write_bytes(whole[: int(len(whole) * share)])
    work = tmp_path / "work"
    work.mkdir()
    with duckdb.connect() as con, pytest.raises(UnreadableError, match="cut off"):
        outcome_of(con, tmp_path / "cut.json", FORMAT, ("identifier",), work)


def test_records_that_are_no_objects_are_quarantined(tmp_path, catalogues):
    document = json.loads(catalogues["ny"])
    document["dataset"] += [7, None, "text", [document["dataset"][0]]]
    (tmp_path / "odd.json").write_text(json.dumps(document))
    work = tmp_path / "work"
    work.mkdir()
    with duckdb.connect() as con:
        found = outcome_of(con, tmp_path / "odd.json", FORMAT, ("identifier",), work)
    assert [row is None for row in found.rows] == [False, True, True, True, True]
    assert found.reasons == {"not_a_record": 4}
