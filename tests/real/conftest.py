"""The real data folder, and what plain readers find in it: nothing here shares code with Shanhai."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import zipfile
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
CHICAGO_BOUNDS = (("Latitude", 41.6, 42.1), ("Longitude", -88.0, -87.5), ("Ward", 0, 50))


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
    found["chicago.sanitation_requests", "all"] = chicago_balance(chicago_rows(real_data))
    found["cnemc.air_daily", "cn_air_daily"] = air_daily_balance(air_daily_rows(real_data))
    for file in sorted((real_data / "cn_air_snapshot").glob("*.json")):
        found["cnemc.air_stations", file.stem] = air_stations_balance(air_stations(file))
    for monitor, hours in noise_rows(real_data).items():
        found["dublin.noise", monitor] = noise_balance(hours)
    found["alicante.water_meters", "all"] = water_balance(water_rows(real_data))
    return found


@pytest.fixture(scope="session")
def reasons(real_data: Path) -> dict[tuple[str, str], Counter[str]]:
    """By (dataset, partition), how many rows break which rule; only of deliveries that have such rows."""
    calls = csv_rows(real_data / "milwaukee_calls" / "data.csv")
    found = {
        ("boston.open311_requests", "all"): boston_reasons(boston_records(real_data)),
        ("milwaukee.police_calls", "data"): milwaukee_reasons(list(calls)),
    }
    for file in sorted((real_data / "stlouis_csb").glob("*.csv")):
        numbers = sum(row["CITY"].isdigit() for row in csv_rows(file))
        found["stlouis.csb_requests", file.stem] = Counter({"city_name.pattern": numbers})
    return {key: +counts for key, counts in found.items() if +counts}


@pytest.fixture(scope="session")
def boston(real_data: Path) -> list[dict[str, Any]]:
    return boston_records(real_data)


@pytest.fixture(scope="session")
def chicago(real_data: Path) -> list[dict[str, str]]:
    return chicago_rows(real_data)


@pytest.fixture(scope="session")
def air_daily(real_data: Path) -> list[list[str]]:
    return air_daily_rows(real_data)


@pytest.fixture(scope="session")
def noise(real_data: Path) -> dict[str, list[tuple[str, float]]]:
    return noise_rows(real_data)


@pytest.fixture(scope="session")
def water(real_data: Path) -> list[tuple[str, str, float, int]]:
    return water_rows(real_data)


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


def boston_reasons(records: list[dict[str, Any]]) -> Counter[str]:
    """A record can break several rules; a place that is missing breaks none."""
    needed = {
        "request_id": "service_request_id",
        "status": "status",
        "service_code": "service_code",
        "service_name": "service_name",
        "requested_at": "requested_datetime",
        "updated_at": "updated_datetime",
    }
    found = Counter(
        f"{column}.required" for record in records for column, key in needed.items() if not record.get(key)
    )
    found["status.codes"] = sum(
        record.get("status") not in ("open", "closed", None, "") for record in records
    )
    placed = [record for record in records if record.get("lat") is not None]
    found["latitude.range"] = sum(not 42.2 <= record["lat"] <= 42.45 for record in placed)
    found["longitude.range"] = sum(not -71.25 <= record["long"] <= -70.9 for record in placed)
    return found


def milwaukee_reasons(rows: list[dict[str, str]]) -> Counter[str]:
    places = [(row["latitude"], row["longitude"]) for row in rows]
    return Counter(
        {
            "latitude.range": sum(bool(north) and not 42.4 <= float(north) <= 47.4 for north, _ in places),
            "longitude.range": sum(bool(east) and not -93.0 <= float(east) <= -86.2 for _, east in places),
        }
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


def chicago_rows(real_data: Path) -> list[dict[str, str]]:
    return list(csv_rows(real_data / "chicago_311" / "sanitation_code_complaints.csv.gz"))


def chicago_balance(rows: list[dict[str, str]]) -> Balance:
    """No row is bad. A number that stands there again is the same request, completed on another day."""
    bad = [
        row
        for row in rows
        if not re.fullmatch(r"[0-9]{2}-[0-9]{8}", row["Service_Request_Number"])
        or row["Status"].removesuffix(" - Dup") not in ("Completed", "Open")
        or not row["Street_Address"].strip()
        or any(row[name] and not low <= float(row[name]) <= high for name, low, high in CHICAGO_BOUNDS)
    ]
    assert not bad
    distinct = {tuple(value.strip() for name, value in row.items() if name != "Location") for row in rows}
    requests = {row["Service_Request_Number"] for row in rows}
    return Balance(len(rows), duplicates=len(rows) - len(distinct), superseded=len(distinct) - len(requests))


def air_daily_rows(real_data: Path) -> list[list[str]]:
    """City, day, index, range, level, PM2.5, PM10, SO2, CO, NO2, O3, rank; the files have no headings."""
    return [
        row
        for file in sorted((real_data / "cn_air_daily" / "data").glob("*.csv"))
        for row in csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
    ]


def air_daily_balance(rows: list[list[str]]) -> Balance:
    """Bad: an index above 500, or a value below zero or beyond any instrument."""
    bad = sum(
        float(row[2]) > 500 or not all(0 <= float(value) <= 10_000 for value in row[5:11]) for row in rows
    )
    return Balance(len(rows), quarantined=bad, duplicates=len(rows) - len(set(map(tuple, rows))))


def air_stations(file: Path) -> list[dict[str, Any]]:
    """Each feature's properties and place."""
    features = json.loads(file.read_text("utf-8"))["features"]
    return [{**one["properties"], "place": tuple(one["geometry"]["coordinates"])} for one in features]


def air_stations_balance(stations: list[dict[str, Any]]) -> Balance:
    """Bad: not in China, or a number that is neither one nor "-;"."""
    bad = [
        one
        for one in stations
        if not (73 <= one["place"][0] <= 136 and 3 <= one["place"][1] <= 54)
        or not all(one[name] == "-;" or float(one[name]) >= 0 for name in ("aqi", "pm2_5", "pm10", "co"))
    ]
    distinct = {json.dumps(one, sort_keys=True) for one in stations}
    return Balance(len(stations), quarantined=len(bad), duplicates=len(stations) - len(distinct))


def noise_rows(real_data: Path) -> dict[str, list[tuple[str, float]]]:
    """By monitor: hour and level."""
    found = {}
    for file in sorted((real_data / "dublin_noise").glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            _, *rows = csv.reader(text, delimiter="\t", strict=True)
        found[file.name.removeprefix("2015_2021").removesuffix(".csv.gz")] = [
            (row[2], float(row[3])) for row in rows
        ]
    return found


def noise_balance(hours: list[tuple[str, float]]) -> Balance:
    """Bad: a level that no street has."""
    bad = sum(not 10 <= level <= 130 for _, level in hours)
    return Balance(len(hours), quarantined=bad, duplicates=len(hours) - len(set(hours)))


def water_rows(real_data: Path) -> list[tuple[str, str, float, int]]:
    """Meter, stamp, reading and difference, both in litres."""
    with zipfile.ZipFile(real_data / "daiad_water" / "swm_trialA.zip") as archive:
        text = archive.read("swm_trialA.csv").decode("utf-8")
    _, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    return [(meter, stamp, float(reading), int(diff)) for meter, stamp, reading, diff in rows]


def water_balance(rows: list[tuple[str, str, float, int]]) -> Balance:
    """Bad: no thousand cubic metres pass in an hour. Of one meter at one stamp one reading stays."""
    good = [row for row in rows if abs(row[3]) <= 1_000_000]
    distinct = set(good)
    instants = {row[:2] for row in good}
    return Balance(
        len(rows),
        quarantined=len(rows) - len(good),
        duplicates=len(good) - len(distinct),
        superseded=len(distinct) - len(instants),
    )
