"""A wrong contract is refused with its file, its line, what was given and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from meters_contract import GOOD

from shanhai.contracts import odcs, standard
from shanhai.contracts.federation import open_federation
from shanhai.contracts.load import load_contract
from shanhai.contracts.model import Contract
from shanhai.contracts.partitions import partition_of, windows
from shanhai.errors import ConfigurationError, ContractError, NotFoundError
from shanhai.ids import DatasetId


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        folder = tmp_path / "districts" / "longyou"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "district.yml").write_text("name: longyou\ntitle: 龙游\nendpoints: {portal: 'http://x'}\n")
        file = folder / "meters.odcs.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_contract_becomes_values(write):
    contract = load_contract(write(GOOD))
    assert contract.dataset == DatasetId("longyou", "meters")
    assert contract.version == "1.2.3"
    assert contract.key == ("meter_id",)
    meter, read_at, volume, state = contract.columns
    assert (meter.source, meter.title, meter.required, meter.max_length) == ("编号", "水表编号", True, 2)
    assert read_at.formats == ("%Y/%m/%d %H:%M",)
    assert volume.precision == (12, 3)
    assert state.codes == ("ok", "broken")
    assert windows(contract) == ("2024-02-28", "2024-02-29", "2024-03-01")


ASKED = "{type: sql, name: some, query: SELECT 1, mustBe: 1}"
METRES = """name: volume_m3
        logicalType: number
        physicalType: DECIMAL(12,3)
        customProperties:
          - {property: unit, value: m3}"""
CASES: dict[str, tuple[str, str, int, str]] = {
    "not the standard": ("kind: DataContract", "kind: Something", 2, "kind"),
    "another version of it": ("apiVersion: v3.1.0", "apiVersion: v3.0.0", 1, "another version"),
    "an unknown key": ("status: active", "status: active\nstatuss: x", 1, "statuss"),
    "a key twice": ("status: active", "status: active\nstatus: active", 7, "twice"),
    "no YAML": ("status: active", "status: [active", 7, "YAML"),
    "unknown type": ("logicalType: timestamp", "logicalType: datetime", 20, "logicalType"),
    "unknown custom property": ("{property: level, ", "{property: levle, ", 34, "levle"),
    "unknown column property": ("{property: unit, ", "{property: units, ", 28, "units"),
    "unknown level": ("value: community", "value: village", 34, "level"),
    "unknown format": ("kind: csv", "kind: dbf", 37, "dbf"),
    "unknown format option": ("encoding: gb18030", "encodign: gb18030", 37, "encodign"),
    "unknown encoding": ("encoding: gb18030", "encoding: gb99999", 37, "gb99999"),
    "an encoding that is none": ("encoding: gb18030", "encoding: rot13", 37, "rot13"),
    "an encoding of host names": ("encoding: gb18030", "encoding: idna", 37, "idna"),
    "no cron": ("'0 2 * * *'", "'a b c d e'", 40, "five fields"),
    "an end before the start": ("end: 2024-03-01", "end: 2024-02-01", 40, "before"),
    "a window of nothing": ("cron: '0 2 * * *'", "cron: '0 2 * * *', window: '%q'", 40, "%q"),
    "a reserved name": ("name: state", "name: rowid", 29, "reserved"),
    "a reserved ending": ("name: state", "name: read_at__value", 29, "reserved"),
    "pattern is no expression": ("'^[A-Z]{2}$'", "'^[A-Z{2}$'", 16, "pattern"),
    "pattern of a timestamp": (
        "logicalType: timestamp",
        "logicalType: timestamp\n        logicalTypeOptions: {pattern: x}",
        21,
        "pattern",
    ),
    "latest by nothing": ("by: read_at", "by: seen_at", 39, "seen_at"),
    "no such rule": ("rule: latest", "rule: newest", 39, "newest"),
    "precision of a text": ("DECIMAL(12,3)", "VARCHAR", 26, "VARCHAR"),
    "another quality rule": ("metric: invalidValues", "metric: nullValues", 32, "codes"),
    "an exception for codes": ("mustBe: 0", "mustBeLessThan: 0", 32, "mustBeLessThan of a list of codes"),
    "a query without a name": (
        "{type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [ok, broken]}}",
        "{type: sql, query: 'SELECT 1', mustBe: 0}",
        32,
        "name: is missing",
    ),
    "a query of nothing": (
        "logicalType: object",
        "logicalType: object\n    quality: [{type: sql, name: some, query: 'SELECT 1'}]",
        11,
        "breaks ODCS",
    ),
    "a query with an engine": (
        "logicalType: object",
        "quality: [{type: sql, name: some, query: 'SELECT 1', mustBe: 1, engine: soda}]",
        10,
        "engine",
    ),
    "a query on a calendar": (
        "logicalType: object",
        "quality: [{type: sql, name: some, query: 'SELECT 1', mustBe: 1, schedule: daily}]",
        10,
        "schedule of a query is not followed",
    ),
    "two queries of one name": (
        "logicalType: object",
        f"quality: [{ASKED}, {ASKED}]",
        10,
        "the same name",
    ),
    "a column that is unique": (
        "businessName: 水表编号",
        "unique: true",
        13,
        "unique of a column is not followed",
    ),
    "a reference": (
        "businessName: 水表编号",
        "relationships: [{to: areas.area_code}]",
        13,
        "relationships of a column",
    ),
    "a transformation": (
        "businessName: 水表编号",
        "transformLogic: upper(x)",
        13,
        "transformLogic of a column",
    ),
    "a rule of the table": (
        "logicalType: object",
        "quality: [{metric: rowCount, mustBeGreaterThan: 0}]",
        10,
        "a table's quality is queries",
    ),
    "a column's property twice": (
        "          - {property: unit, value: m3}",
        "          - {property: unit, value: m3}\n          - {property: unit, value: l}",
        29,
        "twice",
    ),
    "windows of an hour": (
        "start: 2024-02-28",
        "start: 2024-02-28, window: '%Y-%m-%dT%H'",
        40,
        "days or longer",
    ),
    "window without a calendar": ("cron: '0 2 * * *', ", "", 40, "schedule"),
    "a day that is none": ("start: 2024-02-28", "start: 2024-02-30", 40, "2024-02-30"),
    "a code that YAML takes for a truth": ("[ok, broken]", "[ok, no]", 32, "quote it: 'no'"),
    "a code that YAML takes for an octal number": ("[ok, broken]", "[02, 10]", 32, "quote it: '02'"),
    "a longitude without a system": (
        "name: volume_m3",
        "name: site_longitude",
        24,
        "a longitude states its system",
    ),
    "a latitude in an unknown system": (
        METRES,
        METRES.replace("volume_m3", "lat").replace("unit, value: m3", "crs, value: GCJ-02"),
        24,
        "GCJ-02",
    ),
    "a longitude in an unknown plane": (
        "property: unit, value: m3",
        "property: crs, value: Gauss",
        24,
        "Gauss",
    ),
    "a latitude as text": (
        "name: state\n        logicalType: string",
        "name: latitude\n        logicalType: string",
        29,
        "a latitude is a number",
    ),
    "a custom property twice": (
        "  - {property: shareClass, value: conditional}\n",
        "  - {property: shareClass, value: conditional}\n  - {property: shareClass, value: open}\n",
        36,
        "a custom property stands twice; given: shareClass",
    ),
    "a name that is not the file's": ("schema:\n  - name: meters", "schema:\n  - name: metres", 9, "metres"),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_contract_is_refused_where_it_is_wrong(write, case):
    old, new, line, told = CASES[case]
    assert GOOD.count(old) >= 1
    with pytest.raises(ContractError) as caught:
        load_contract(write(GOOD.replace(old, new, 1)), shown_as="meters.odcs.yml")
    text = str(caught.value)
    assert told in text, text
    assert text.startswith("meters.odcs.yml:"), text
    assert caught.value.line == line, text
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("name", ["2024_03", "2024.10", "010", "2024:03", "0x1F", "yes", "~", "[a]"])
@pytest.mark.parametrize("key", ["since", "source"])
def test_a_name_that_yaml_makes_another_one_of_is_to_be_quoted(write, key, name):
    by_file = GOOD.replace("{by: window}", "{by: file, pattern: '(?P<partition>.+)'}")
    stated = by_file.replace("property: unit, value: m3", f"property: {key}, value: VALUE")
    with pytest.raises(ContractError, match="quote it") as caught:
        load_contract(write(stated.replace("VALUE", name)))
    assert caught.value.line == 28
    quoted = load_contract(write(stated.replace("VALUE", f"'{name}'")))
    assert getattr(quoted.columns[2], key) == name


@pytest.mark.parametrize("name", ["20240305", "2024-03-05", "2024.1"])
def test_a_name_that_stays_what_it_is_needs_no_quotes(write, name):
    by_file = GOOD.replace("{by: window}", "{by: file, pattern: '(?P<partition>.+)'}")
    stated = by_file.replace("property: unit, value: m3", f"property: since, value: {name}")
    assert load_contract(write(stated)).column("volume_m3").since == name


def test_a_window_in_another_form_needs_a_calendar_too(write):
    text = GOOD.replace("{window}.csv", "{window:%Y%m%d}.csv").replace("{by: window}", "{by: none}")
    with pytest.raises(ContractError, match="a windowed source needs a schedule"):
        load_contract(write(text.replace("cron: '0 2 * * *', ", "")))


def test_queries_are_read_with_their_placeholders_and_lines(write):
    table = "{type: sql, name: full, query: 'SELECT 5 FROM {object}', mustBeBetween: [1, 9], unit: rows}"
    column = "{type: sql, name: even, query: 'SELECT sum({property}) FROM ${object}', mustBe: true}"
    text = GOOD.replace("logicalType: object", f"logicalType: object\n    quality: [{table}]")
    text = text.replace("  - {type: library", f"  - {column}\n          - {{type: library")
    contract = load_contract(write(text))

    full, even = contract.queries
    assert (full.sql, full.allowed, full.line) == ('SELECT 5 FROM "delivery"', "1 to 9", 11)
    assert (even.sql, even.column, even.line) == ('SELECT sum("state") FROM "delivery"', "state", 33)
    assert (even.severity, even.measured) == ("warning", "consistency")
    assert contract.column("state").codes == ("ok", "broken")


def test_documentation_of_the_standard_is_accepted(write):
    text = GOOD.replace("businessName: 水表编号", "unique: false\n        tags: [x]\n        examples: [AB]")
    text += "tenant: x\nroles: [{role: reader}]\nservers: [{server: s, type: local, path: x, format: csv}]\n"
    assert load_contract(write(text)).key == ("meter_id",)


def test_every_key_of_the_standard_is_read_or_documentation_or_refused():
    defined = odcs.validator().schema["$defs"]
    operators = [name for one in defined["DataQualityOperators"]["oneOf"] for name in one["properties"]]
    element = [*defined["SchemaElement"]["properties"]]
    ours = {standard.TABLE: [*element, *defined["SchemaObject"]["properties"]]}
    ours[standard.COLUMN] = [*element, *defined["SchemaBaseProperty"]["properties"], "items", "properties"]
    quality = ("DataQuality", "DataQualityLibrary", "DataQualitySql", "DataQualityCustom")
    ours[standard.QUALITY] = ours[standard.QUERY] = [
        *operators,
        *(key for name in quality for key in defined[name]["properties"]),
    ]
    for keys, theirs in ours.items():
        sorted_out = [*keys.accepted, *keys.refused]
        assert len(sorted_out) == len(set(sorted_out))
        assert set(sorted_out) == set(theirs), keys.of


def test_an_endpoint_must_be_the_districts(write, tmp_path):
    write(GOOD.replace("endpoint: portal", "endpoint: gateway"))
    with pytest.raises(ContractError, match="portal"):
        open_federation(tmp_path).contract(DatasetId("longyou", "meters"))


def test_a_register_of_sensors_names_a_dataset_that_is_there(write, tmp_path):
    columns = "columns: {sensor_id: {column: meter_id}, readings_of: {value: metres}}"
    feeds = f"  - {{property: feeds, value: {{shape: sensor, {columns}}}}}\n"
    write(GOOD + feeds)
    with pytest.raises(ContractError, match=r"metres.*\n?.*meters"):
        open_federation(tmp_path).contract(DatasetId("longyou", "meters"))
    write(GOOD + feeds.replace("metres", "meters"))
    assert open_federation(tmp_path).contract(DatasetId("longyou", "meters")).feeds[0].shape == "sensor"


def test_an_unknown_dataset_names_the_known_ones(write, tmp_path):
    write(GOOD)
    with pytest.raises(NotFoundError, match=r"longyou\.meters"):
        open_federation(tmp_path).contract(DatasetId("longyou", "noise"))


def test_a_folder_without_districts_is_no_federation(tmp_path):
    with pytest.raises(ConfigurationError, match="districts/"):
        open_federation(tmp_path)


@pytest.mark.parametrize(
    ("partition", "body", "window", "expected"),
    [
        ({"by": "none"}, "a.csv", None, "all"),
        ({"by": "window"}, "a.csv", "2024-03-01", "2024-03-01"),
        ({"by": "file", "pattern": r"_(?P<partition>\d+)\."}, "x/a_12.csv", None, "12"),
        ({"by": "file", "pattern": r"_(?P<partition>\d+)\."}, "x/a.csv", None, None),
    ],
)
def test_partitions_come_from_the_contract(
    write, partition: dict[str, Any], body: str, window: str | None, expected: str | None
):
    contract: Contract = load_contract(write(GOOD))
    changed = contract.model_copy(
        update={"delivery": type(contract.delivery).model_validate({"per": "file", "partition": partition})}
    )
    assert partition_of(changed, body, window) == expected
