"""Real public data: every record that the standard library finds, cell by cell."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.contracts.model import CsvFormat, JsonFormat

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def real_data() -> Path:
    given = os.environ.get("SHANHAI_REAL_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real public data is not at {folder}; set SHANHAI_REAL_DATA to its folder")
    return folder


def plain(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def records(body: bytes, delimiter: str) -> Iterator[list[str]]:
    return (
        row
        for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=delimiter)
        if row
    )


FILES = {
    "stlouis_csb/2011.csv": (2_083, ","),
    "milwaukee_calls/data.csv": (33_968, ","),
    "cn_area_history/result.csv": (6_823, ","),
    "cn_admin_divisions/2020-06-30/streets.csv": (41_614, ","),
    "cn_admin_divisions/2022-10-31/villages.csv.gz": (619_503, ","),
    "chicago_311/sanitation_code_complaints.csv.gz": (74_401, ","),
    "dublin_noise/2015_2021Ballymun4.csv.gz": (51_538, "\t"),
}


@pytest.mark.parametrize("tail", [b"", b'"\n'], ids=["fast", "slow"])
@pytest.mark.parametrize("name", FILES)
def test_delimited(decoded, real_data, name, tail):
    count, delimiter = FILES[name]
    body = plain(real_data / name)
    headings, *rows = records(body, delimiter)
    sources = [text or f"#{number}" for number, text in enumerate(headings, start=1)]
    outcome = decoded(body.rstrip(b"\r\n") + b"\n" + tail, CsvFormat(delimiter=delimiter), *sources)
    assert outcome.decoded.malformed == (1 if tail else 0)
    assert len(rows) == count
    assert [tuple(cell or "" for cell in row) for row in outcome.cells[:count]] == [
        tuple(row) for row in rows
    ]
    assert outcome.decoded.rows == count + outcome.decoded.malformed


def test_pages_of_json(decoded, real_data):
    pages = [path.read_bytes() for path in sorted((real_data / "boston_open311").glob("*.json.gz"))]
    keys = ("service_request_id", "status", "requested_datetime", "address", "lat", "long")
    outcome = decoded(
        pages, JsonFormat(), *keys, ignored=("service_name", "service_code", "updated_datetime")
    )
    expected = [record for page in pages for record in json.loads(gzip.decompress(page))]
    assert outcome.decoded.rows == len(expected) == 141_044
    assert outcome.decoded.malformed == 0
    for place, key in enumerate(keys[:4]):
        assert [row[place] for row in outcome.cells] == [record.get(key) for record in expected]
    latitudes = [float(row[4]) if row[4] else None for row in outcome.cells]
    assert latitudes == [record["lat"] for record in expected]
    assert outcome.decoded.unknown == tuple(
        sorted(
            {key for record in expected for key in record}
            - {*keys, "service_name", "service_code", "updated_datetime"}
        )
    )
