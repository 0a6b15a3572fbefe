"""The contracts against the files they describe: headings, partitions, and codes that are mapped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.contracts.federation import Federation, open_federation
from shanhai.contracts.model import Contract, CsvFormat, GeoJsonFormat, JsonFormat
from shanhai.contracts.partitions import partition_of
from shanhai.ids import DatasetId

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cities"
DATASETS = open_federation(EXAMPLE).datasets


@pytest.fixture(scope="module")
def federation() -> Federation:
    return open_federation(EXAMPLE)


@pytest.mark.real
@pytest.mark.parametrize("dataset", DATASETS, ids=str)
def test_every_heading_is_declared_or_ignored(
    federation: Federation, real_data: Path, dataset: DatasetId
) -> None:
    contract = federation.contract(dataset)
    decided = {column.source for column in contract.columns} | set(contract.ignored)
    for file in source_files(contract, real_data):
        assert set(headings(contract, file)) == decided, file.name


@pytest.mark.real
@pytest.mark.parametrize("dataset", DATASETS, ids=str)
def test_every_file_has_a_partition_of_its_own(
    federation: Federation, real_data: Path, dataset: DatasetId
) -> None:
    contract = federation.contract(dataset)
    names = [file.relative_to(real_data).as_posix() for file in source_files(contract, real_data)]
    partitions = {partition_of(contract, name, None) for name in names}
    assert names
    assert None not in partitions
    assert len(partitions) == (1 if contract.delivery.per == "pull" else len(names))


@pytest.mark.parametrize("dataset", DATASETS, ids=str)
def test_every_allowed_code_is_mapped(federation: Federation, dataset: DatasetId) -> None:
    contract = federation.contract(dataset)
    for feed in contract.feeds:
        for target, value in {**feed.columns, **feed.readings}.items():
            if value.column is not None and value.codes:
                assert set(value.codes) == set(contract.column(value.column).codes), target


@pytest.mark.parametrize("dataset", DATASETS, ids=str)
def test_a_dataset_with_personal_columns_is_shared_on_conditions(
    federation: Federation, dataset: DatasetId
) -> None:
    contract = federation.contract(dataset)
    personal = [column.name for column in contract.columns if column.personal]
    assert contract.share_class == ("conditional" if personal else "unconditional"), personal


def source_files(contract: Contract, real_data: Path) -> list[Path]:
    """The files that the contract's path means, by Python's own globbing."""
    return sorted(real_data.glob(contract.source.options["path"]))


def headings(contract: Contract, file: Path) -> Iterator[str]:
    """What the file calls its columns; of records of JSON, every key that one has; else their positions."""
    with io.StringIO(unpacked(file).decode("utf-8-sig"), newline="") as text:
        if isinstance(contract.format, GeoJsonFormat):
            features = json.load(text)["features"]
            yield from {f"properties.{key}" for one in features for key in one["properties"]}
            places = {place for one in features for place in range(len(one["geometry"]["coordinates"]))}
            yield from {f"geometry.coordinates.{place}" for place in places}
        elif isinstance(contract.format, JsonFormat):
            yield from {key for record in json.load(text) for key in record}
        elif isinstance(contract.format, CsvFormat):
            first = next(csv.reader(text, delimiter=contract.format.delimiter))
            yield from first if contract.format.header else map(str, range(1, len(first) + 1))


def unpacked(file: Path) -> bytes:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            (member,) = archive.namelist()
            return archive.read(member)
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
