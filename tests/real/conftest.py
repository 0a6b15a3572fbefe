"""The real data folder, and what plain readers find in it: nothing here shares code with Shanhai."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EDITIONS = ("2020-06-30", "2022-10-31", "2023-06-30")
AREA_FILES = {
    "cn_provinces": "provinces.csv",
    "cn_cities": "cities.csv",
    "cn_counties": "areas.csv",
    "cn_streets": "streets.csv",
    "cn_villages": "villages.csv.gz",
}


@dataclass(frozen=True)
class Balance:
    """Where the rows of one delivery go."""

    rows_in: int
    quarantined: int = 0
    duplicates: int = 0
    superseded: int = 0

    @property
    def loaded(self) -> int:
        return self.rows_in - self.quarantined - self.duplicates - self.superseded


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real public data; without it the tests are skipped."""
    given = os.environ.get("SHANHAI_REAL_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not (folder / "cn_admin_divisions").is_dir():
        pytest.skip(f"the real public data is not at {folder}; set SHANHAI_REAL_DATA to its folder")
    return folder.resolve()


@pytest.fixture(scope="session")
def federation_folder() -> Path:
    return REPOSITORY / "examples" / "cities"


@pytest.fixture(scope="session")
def read_csv() -> Callable[[Path], Iterator[dict[str, str]]]:
    """A plain reader of CSV files."""
    return csv_rows


@pytest.fixture(scope="session")
def balances(real_data: Path) -> dict[tuple[str, str], Balance]:
    """By (dataset, partition), for every delivery of the federation."""
    found = {
        (f"statistics.{dataset}", edition): Balance(
            sum(1 for _ in csv_rows(real_data / "cn_admin_divisions" / edition / file))
        )
        for dataset, file in AREA_FILES.items()
        for edition in EDITIONS
    }
    history = csv_rows(real_data / "cn_area_history" / "result.csv")
    found["statistics.cn_area_history", "result"] = Balance(sum(1 for _ in history))
    for file in sorted((real_data / "stlouis_csb").glob("*.csv")):
        found["stlouis.csb_requests", file.stem] = stlouis_balance(file)
    found["milwaukee.police_calls", "data"] = milwaukee_balance(real_data / "milwaukee_calls" / "data.csv")
    found["boston.open311_requests", "all"] = boston_balance(boston_records(real_data))
    return found


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """The records of a CSV file, compressed or not, with a byte order mark or not."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    with io.StringIO(raw.decode("utf-8-sig"), newline="") as text:
        yield from csv.DictReader(text, strict=True)


def boston_records(real_data: Path) -> list[dict[str, Any]]:
    """All records of all pages, as they come."""
    records: list[dict[str, Any]] = []
    for page in sorted((real_data / "boston_open311").glob("*.json.gz")):
        with gzip.open(page) as text:
            records.extend(json.load(text))
    return records


def boston_balance(records: list[dict[str, Any]]) -> Balance:
    """Bad: without number, state, service or time, or outside the city. Then equal ones, then older ones."""
    needed = (
        "service_request_id",
        "status",
        "service_code",
        "service_name",
        "requested_datetime",
        "updated_datetime",
    )
    good = [
        record
        for record in records
        if all(record.get(name) for name in needed)
        and 42.2 <= record["lat"] <= 42.45
        and -71.25 <= record["long"] <= -70.9
    ]
    distinct = {
        (
            record["service_request_id"],
            datetime.fromisoformat(record["requested_datetime"]),
            datetime.fromisoformat(record["updated_datetime"]),
            *(record.get(name) for name in ("status", "service_code", "service_name")),
            *(record.get(name) for name in ("address", "lat", "long")),
        )
        for record in good
    }
    requests = {version[0] for version in distinct}
    return Balance(
        len(records),
        quarantined=len(records) - len(good),
        duplicates=len(good) - len(distinct),
        superseded=len(distinct) - len(requests),
    )


def milwaukee_balance(path: Path) -> Balance:
    """Bad: a coordinate outside Wisconsin; a missing one is none."""
    rows = list(csv_rows(path))
    bad = sum(
        bool(row["latitude"] and not 42.4 <= float(row["latitude"]) <= 47.4)
        or bool(row["longitude"] and not -93.0 <= float(row["longitude"]) <= -86.2)
        for row in rows
    )
    return Balance(len(rows), quarantined=bad)


def stlouis_balance(path: Path) -> Balance:
    """Bad: a number for the city's name. One request stays of those that differ in the kind of caller."""
    rows = list(csv_rows(path))
    good = [row for row in rows if not row["CITY"].isdigit()]
    versions = Counter(
        tuple(value.strip() for name, value in row.items() if name != "EXPLANATION") for row in good
    )
    requests = {row["REQUESTID"] for row in good}
    return Balance(
        len(rows),
        quarantined=len(rows) - len(good),
        duplicates=len(good) - len(versions),
        superseded=len(versions) - len(requests),
    )
