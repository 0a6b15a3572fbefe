"""A draft made from a sample: its types, its marked guesses, no values of people; the sample stages by it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from visit_sample import HEADINGS, NAMES, PERSON, ROWS, STREET, TYPES, objects, table, text, zipped

from shanhai.ids import DatasetId
from shanhai.ingest.infer import infer
from shanhai.ingest.infer.given import open_files
from shanhai.ingest.node import open_node
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.settings import read_settings


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


@pytest.mark.parametrize("name", BODIES)
def test_the_sample_stages_by_its_draft(tmp_path: Path, draft_of: Any, name: str):
    file, make, stated = BODIES[name]
    (tmp_path / "data" / file).write_bytes(make())
    contract, page = draft_of(file)
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


def test_several_files_tell_partition_and_versions(tmp_path: Path, draft_of: Any):
    """The same keys in every file: a list that is sent whole."""
    for day in (1, 2, 3):
        changed = [[*cells[:7], str(day), *cells[8:]] for cells in table()]
        lines = "\n".join(",".join(cells) for cells in [list(HEADINGS), *changed])
        (tmp_path / "data" / f"visits_2024-03-{day:02}.csv").write_text(lines, encoding="utf-8")
    contract, _ = draft_of("visits_*.csv")
    assert contract.delivery.partition.by == "file"
    assert contract.delivery.partition.pattern == r"^visits_(?P<partition>\d{4}-\d{2}-\d{2})\.csv$"
    assert contract.versions.rule == "replace"
    assert contract.source.options == {"path": "visits_*.csv"}


def test_only_so_many_rows_are_looked_at_and_it_says_so(tmp_path: Path, draft_of: Any):
    (tmp_path / "data" / "visits.csv").write_text(text(), encoding="utf-8")
    _, page = draft_of("visits.csv", "--rows", "100")
    assert "the first 100 rows of one body" in page.splitlines()[0]


def test_dates_that_could_be_others_are_told(tmp_path: Path, draft_of: Any):
    lines = [f"{day:02}/{day:02}/2024,{day + 12:02}/{day:02}/2024,2024-01-{day:02}" for day in range(1, 13)]
    (tmp_path / "data" / "days.csv").write_text("\n".join(["one,two,three", *lines]))
    contract, page = draft_of("days.csv")
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


@pytest.mark.parametrize("heading", ["operator", "经手", "审核"])
def test_names_are_people_whatever_the_heading_says(tmp_path: Path, draft_of: Any, heading: str):
    """Few people, each often: they would look like a list of codes."""
    lines = [f"{number},{NAMES[number % 4]}" for number in range(200)]
    (tmp_path / "data" / "orders.csv").write_text("\n".join([f"n,{heading}", *lines]), encoding="utf-8")
    contract, page = draft_of("orders.csv")
    assert contract.columns[1].personal
    assert not any(name in page for name in NAMES)
