"""A draft made from a sample: its types, its marked guesses, no values of people; the sample stages by it."""

from __future__ import annotations

import csv
import functools
import gzip
import http.server
import io
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from shanhai.cli import main
from shanhai.contracts.federation import open_federation
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.infer import infer
from shanhai.ingest.infer.given import open_files
from shanhai.ingest.node import open_node
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.settings import read_settings

PERSON = "11010519491231002X"
NAMES = ("王小明", "李芳", "张伟", "刘洋")
STREET = "东门街"
HEADINGS = (
    "走访编号",
    "姓名",
    "身份证号",
    "住址",
    "走访事由",
    "走访时间",
    "用水量（立方米）",
    "人数",
    "经度",
    "纬度",
    "是否空巢",
    "备注",
)
TYPES = dict(
    zip(
        HEADINGS,
        (*("string",) * 5, "timestamp", "number", "integer", "number", "number", "boolean", "string"),
        strict=True,
    )
)
ROWS = 240


def table() -> list[list[str]]:
    start = datetime(2024, 3, 1, 8)
    return [
        [
            f"V{number:06}",
            NAMES[number % 4],
            PERSON,
            f"{STREET}{number}号",
            ("探望", "巡查", "调解")[number % 3],
            f"{start + timedelta(minutes=7 * number):%Y/%m/%d %H:%M}",
            "-" if number % 11 == 0 else f"{number / 8:.3f}",
            str(number % 7),
            f"{119.1 + number / 10000:.5f}",
            f"{29.0 + number / 10000:.5f}",
            "是" if number % 5 else "否",
            "" if number % 3 else f"第{number}次，门锁着",
        ]
        for number in range(ROWS)
    ]


def text(delimiter: str = ",", *, header: bool = True) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerows([HEADINGS, *table()] if header else table())
    return out.getvalue()


def objects() -> list[dict[str, Any]]:
    return [{name: cell or None for name, cell in zip(HEADINGS, cells, strict=True)} for cells in table()]


def zipped(data: bytes | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "see data.csv")
        archive.writestr("data.csv", data or text())
    return out.getvalue()


def workbook() -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.add_worksheet("说明").write_string(0, 0, "see the other sheet")
    page = book.add_worksheet("数据")
    page.write_string(0, 0, "走访记录")
    for row, cells in enumerate([list(HEADINGS), *table()], start=1):
        for place, cell in enumerate(cells):
            page.write_string(row, place, cell)
    book.close()
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    columns = zip(*table(), strict=True)
    pq.write_table(pa.table(dict(zip(HEADINGS, map(list, columns), strict=True))), out)
    return out.getvalue()


def features() -> bytes:
    made = [
        {
            "type": "Feature",
            "properties": {name: one[name] for name in HEADINGS if name not in ("经度", "纬度")},
            "geometry": {"type": "Point", "coordinates": [float(one["经度"]), float(one["纬度"])]},
        }
        for one in objects()
    ]
    return json.dumps({"type": "FeatureCollection", "features": made}).encode()


BODIES: dict[str, tuple[str, Callable[[], bytes], dict[str, Any]]] = {
    "csv": ("visits.csv", lambda: text().encode(), {"kind": "csv", "encoding": "utf-8", "delimiter": ","}),
    "gb18030": ("visits.csv", lambda: text(";").encode("gb18030"), {"encoding": "gb18030", "delimiter": ";"}),
    "utf-16 tabs": (
        "visits.txt",
        lambda: text("\t").encode("utf-16"),
        {"encoding": "utf-16", "delimiter": "\t"},
    ),
    "title": ("visits.csv", lambda: f"走访记录\n\n{text()}".encode(), {"skip_lines": 2}),
    "no headings": ("visits.csv", lambda: text(header=False).encode(), {"header": False}),
    "gz": ("visits.csv.gz", lambda: gzip.compress(text().encode()), {"kind": "csv", "compression": "auto"}),
    "zip": ("visits.zip", zipped, {"kind": "csv", "member": "data.csv"}),
    "json": (
        "visits.json",
        lambda: json.dumps({"code": 0, "data": {"total": ROWS, "rows": objects()}}).encode(),
        {"kind": "json", "records": "data.rows"},
    ),
    "lists": ("visits.json", lambda: json.dumps([list(HEADINGS), *table()]).encode(), {"lists": True}),
    "ndjson": (
        "visits.jsonl",
        lambda: "\n".join(json.dumps(one) for one in objects()).encode(),
        {"kind": "ndjson"},
    ),
    "geojson": ("visits.geojson", features, {"kind": "geojson"}),
    "xlsx": ("visits.xlsx", workbook, {"kind": "xlsx", "sheet": "数据", "header_row": 2}),
    "parquet": ("visits.parquet", parquet, {"kind": "parquet"}),
}


@pytest.fixture
def drafted(tmp_path: Path) -> Callable[..., tuple[Contract, str]]:
    (tmp_path / "districts" / "longyou").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    district = "name: longyou\ntitle: 龙游\nendpoints: {folder: data}\n"
    (tmp_path / "districts" / "longyou" / "district.yml").write_text(district, encoding="utf-8")

    def draft(source: str, *arguments: str) -> tuple[Contract, str]:
        output = tmp_path / "districts" / "longyou" / "visits.odcs.yml"
        called = ["contract", "infer", str(tmp_path / "data" / source), "--output", str(output), *arguments]
        assert main(["--home", str(tmp_path / "home"), "--federation", str(tmp_path), *called]) == 0
        contract = open_federation(tmp_path).contract(DatasetId("longyou", "visits"))
        return contract, output.read_text(encoding="utf-8")

    return draft


@pytest.mark.parametrize("name", BODIES)
def test_the_sample_stages_by_its_draft(tmp_path: Path, drafted: Any, name: str):
    file, make, stated = BODIES[name]
    (tmp_path / "data" / file).write_bytes(make())
    contract, page = drafted(file)
    found = contract.format.model_dump()
    assert {key: found[key] for key in stated} == stated
    sources = {column.source.removeprefix("properties."): column for column in contract.columns}
    if name == "no headings":
        sources = dict(zip(HEADINGS, contract.columns, strict=True))
    if name == "geojson":
        sources |= {"经度": sources["geometry.coordinates.0"], "纬度": sources["geometry.coordinates.1"]}
        assert sources["经度"].crs == "WGS84"
    if name != "no headings":
        assert {heading: sources[heading].type for heading in HEADINGS} == TYPES
        assert sources["用水量（立方米）"].unit == "m3"
        assert {heading for heading in HEADINGS if sources[heading].personal} == {"姓名", "身份证号", "住址"}
    assert sources["身份证号"].validators == ("resident_id",)
    assert set(sources["走访事由"].codes) == {"探望", "巡查", "调解"}
    assert sources["用水量（立方米）"].null_tokens == ("-",)
    assert contract.key == (sources["走访编号"].name,)
    assert contract.source.endpoint == "folder"
    assert "guess:" in page
    for value in (PERSON, *NAMES, STREET):
        assert value not in page

    node = open_node(read_settings(home=tmp_path / "home", federation=tmp_path))
    (delivery,) = pull(node, contract.dataset)
    staging = stage(node, delivery)
    assert (staging.rows_in, staging.quarantined, staging.missing, staging.unknown) == (ROWS, 0, (), ())


def test_several_files_tell_partition_and_versions(tmp_path: Path, drafted: Any):
    """The same keys in every file: a list that is sent whole."""
    for day in (1, 2, 3):
        changed = [[*cells[:7], str(day), *cells[8:]] for cells in table()]
        lines = "\n".join(",".join(cells) for cells in [list(HEADINGS), *changed])
        (tmp_path / "data" / f"visits_2024-03-{day:02}.csv").write_text(lines, encoding="utf-8")
    contract, _ = drafted("visits_*.csv")
    assert contract.delivery.partition.by == "file"
    assert contract.delivery.partition.pattern == r"^visits_(?P<partition>\d{4}-\d{2}-\d{2})\.csv$"
    assert contract.versions.rule == "replace"
    assert contract.source.options == {"path": "visits_*.csv"}


def test_two_columns_together_are_the_key(tmp_path: Path, drafted: Any):
    lines = [
        f"M{meter:03},2024-03-01 {hour:02}:00:00,{meter + hour}" for meter in range(9) for hour in range(24)
    ]
    (tmp_path / "data" / "reads.csv").write_text("\n".join(["meter_id,read_at,volume_m3", *lines]))
    contract, _ = drafted("reads.csv")
    assert contract.key == ("meter_id", "read_at")
    assert contract.column("volume_m3").unit == "m3"


def test_later_stamps_are_versions_of_a_key(tmp_path: Path, drafted: Any):
    lines = [f"E{number:04},{number % 2},2024-03-01 10:00:{number % 60:02}" for number in range(100)]
    lines += [f"E{number:04},1,2024-03-02 10:00:00" for number in range(20)]
    (tmp_path / "data" / "events.csv").write_text("\n".join(["event_id,n,updated_at", *lines]))
    contract, _ = drafted("events.csv")
    assert (contract.key, contract.versions.rule, contract.versions.by) == (
        ("event_id",),
        "latest",
        "updated_at",
    )


def staff(*rows: tuple[str, str, str]) -> list[str]:
    """Rows of a number, a phone, a shift."""
    return ["grid_no,phone,shift", *(",".join(row) for row in rows)]


def phone(number: int) -> str:
    return f"1390000{number:04}"


def test_rows_that_lack_the_key_do_not_widen_it(tmp_path: Path, drafted: Any):
    """Each file ends in a line of totals without a number: these are no duplicates of each other."""
    for day in range(1, 4):
        rows = [
            (f"G{day}{number:03}", phone(number % 50), ("early", "late")[number % 2]) for number in range(90)
        ]
        lines = staff(*rows, ("", phone(7), "early"), ("", phone(7), f"of {day}"))
        (tmp_path / "data" / f"staff-2024-03-{day:02}.csv").write_text("\n".join(lines))
    contract, page = drafted("staff-*.csv")
    assert contract.key == ("grid_no",)
    assert contract.versions.rule == "append"
    assert "a key, though 4 of 274 different rows lack a part of it" in page


@pytest.mark.parametrize(("repeated", "key"), [(1, ("grid_no", "shift")), (2, ())])
def test_no_personal_column_enters_a_key(tmp_path: Path, drafted: Any, repeated: int, key: tuple[str, ...]):
    rows = [
        (f"G{number // 2 // repeated:03}", phone(number), ("early", "late")[number % 2])
        for number in range(200)
    ]
    (tmp_path / "data" / "staff.csv").write_text("\n".join(staff(*rows)))
    contract, page = drafted("staff.csv")
    assert contract.column("phone").personal
    assert contract.key == key
    told = " ".join(page.replace("#", "").split())
    assert ("guess: no set of up to three columns tells all rows apart: no key" in told) == (not key)
    assert ("doubtful: grid_no and phone would tell rows apart" in told) == (not key)


def test_only_so_many_rows_are_looked_at_and_it_says_so(tmp_path: Path, drafted: Any):
    (tmp_path / "data" / "visits.csv").write_text(text(), encoding="utf-8")
    _, page = drafted("visits.csv", "--rows", "100")
    assert "the first 100 rows of one body" in page.splitlines()[0]


def test_a_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, output = tmp_path / "a.csv", tmp_path / "kept.odcs.yml"
    source.write_text("a,b\n1,2\n")
    output.write_text("mine")
    assert main(["contract", "infer", str(source), "--output", str(output)]) == 78
    assert output.read_text() == "mine"
    assert "--force" in capsys.readouterr().err


BAD: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 65),
    "blanks": (b" \r\n\t\n", 65),
    "a mark alone": (b"\xff\xfe", 65),
    "zeros": (bytes(100_000), 65),
    "random bytes": (random.Random(7).randbytes(100_000), 65),
    "random bytes in a zip file": (zipped(random.Random(8).randbytes(100_000)), 65),
    "random bytes after a mark": (b"\xff\xfe" + random.Random(9).randbytes(100_000), 65),
    "zeros between letters": (b"id,name\n" + b"1,a\x00b\n" * 50, 65),
    "a list of numbers": (b"[1, 2, 3]", 65),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, 65),
    "a document": (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 40, 65),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40, 65),
    "another package": (b"BZh91AY&SY" + bytes(range(256)) * 40, 65),
    "a page of HTML": (b"<!DOCTYPE html><html><body>login</body></html>", 65),
    "headings alone": (b"a,b,c\n", 65),
    "a broken workbook": (b"PK\x03\x04" + bytes(200), 65),
    "a cut off parquet file": (b"PAR1" + bytes(50), 65),
    "JSON without a list": (b'{"a": 1}', 65),
    "broken JSON": (b'{"a": [1, 2', 65),
    "JSON that is nested too deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 65),
    "lists that are nested too deep": (b"[" * 2000 + b"]" * 2000, 65),
    "lists without a heading": (b"[[], [1]]", 65),
    "lines that are nested too deep": (2 * (b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n"), 65),
}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "visits.csv"
    source.write_text(text(), encoding="utf-8")
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "visits.odcs.yml"
    assert main(["contract", "infer", str(source), "--output", str(output)]) == 78
    error = capsys.readouterr().err
    assert "cannot be written" in error
    assert "--debug" not in error


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_data_is_refused_readably(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]):
    body, code = BAD[name]
    (tmp_path / "x").write_bytes(body)
    output = tmp_path / "x.odcs.yml"
    called = ["contract", "infer", str(tmp_path / "x"), "--output", str(output)]
    assert main(["--home", str(tmp_path / "home"), *called]) == code
    assert not output.exists()
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert "unexpected" not in told


def test_a_source_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", str(tmp_path / "nothing-*.csv")]) == 78
    assert "a file, a folder, a glob or a URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/a?token=abc123",
        "HTTP://127.0.0.1:9/a?n=1&app_Key=abc123",
        "http://127.0.0.1:9/a?appSecret=abc123",
        "http://127.0.0.1:9/a?key=abc123",
        "http://127.0.0.1:9/a?n=1&sign=abc123",
        "http://u:abc123@[::1]:9/a",
    ],
)
def test_no_secret_of_an_address_enters_a_draft(address: str, capsys: pytest.CaptureFixture[str]):
    assert main(["contract", "infer", address]) == 78
    told = capsys.readouterr()
    assert "auth" in told.err
    assert "abc123" not in told.out + told.err


def test_a_federation_that_was_named_has_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "visits.csv").write_text(text(), encoding="utf-8")
    called = ["contract", "infer", str(tmp_path / "visits.csv")]
    assert main(["--federation", str(tmp_path / "typo"), *called]) == 78
    assert str(tmp_path / "typo") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "no source was named"),
        ("x" * 64 + ".csv", "--dataset"),
        ("x" * 300 + "/a.csv", "the source cannot be looked at"),
    ],
)
def test_a_source_that_names_nothing_is_told(
    tmp_path: Path,
    source: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{'x' * 64}.csv").write_text(text(), encoding="utf-8")
    assert main(["--home", str(tmp_path / "home"), "contract", "infer", source]) == 78
    assert told in capsys.readouterr().err


def test_dates_that_could_be_others_are_told(tmp_path: Path, drafted: Any):
    lines = [f"{day:02}/{day:02}/2024,{day + 12:02}/{day:02}/2024,2024-01-{day:02}" for day in range(1, 13)]
    (tmp_path / "data" / "days.csv").write_text("\n".join(["one,two,three", *lines]))
    contract, page = drafted("days.csv")
    assert [column.formats for column in contract.columns] == [("%d/%m/%Y",), ("%d/%m/%Y",), ()]
    assert page.count("as many values are dates in the formats %m/%d/%Y: ask") == 1


def test_the_progress_of_a_draft_moves_and_ends(tmp_path: Path):
    (tmp_path / "visits.csv").write_text(text(), encoding="utf-8")
    told: dict[str, list[tuple[int, int]]] = {}
    infer(
        open_files(str(tmp_path / "visits.csv")),
        DatasetId("acity", "visits"),
        None,
        read_settings(home=tmp_path / "home"),
        tmp_path,
        rows=100,
        tell=lambda what, done, of: told.setdefault(what, []).append((done, of)),
    )
    width = len(HEADINGS)
    assert told["columns looked at"] == [(done, width) for done in range(width + 1)]
    assert told["bodies looked at"] == [(0, 1), (1, 1)]


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the test tells what it asked for."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Files, directory=str(tmp_path / "data"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("connector", ["address", "rest"])
def test_an_address_is_asked_through_its_connector(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str], connector: str
):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "visits.json").write_text(json.dumps({"rows": objects()}), encoding="utf-8")
    asked = [f"{address}/visits.json"]
    if connector == "rest":
        asked = [address, "--connector", "rest", "--options", "{path: visits.json}"]
    called = ["--home", str(tmp_path / "home"), "contract", "infer", *asked, "--format", "json"]
    assert main(called) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == ROWS
    assert found["broken"] == {}
    assert found["format"]["records"] == "rows"
    assert f"'{address}'" in found["contract"]
    assert PERSON not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("heading", ["operator", "经手", "审核"])
def test_names_are_people_whatever_the_heading_says(tmp_path: Path, drafted: Any, heading: str):
    """Few people, each often: they would look like a list of codes."""
    lines = [f"{number},{NAMES[number % 4]}" for number in range(200)]
    (tmp_path / "data" / "orders.csv").write_text("\n".join([f"n,{heading}", *lines]), encoding="utf-8")
    contract, page = drafted("orders.csv")
    assert contract.columns[1].personal
    assert not any(name in page for name in NAMES)
