"""Records, features and sheets come back as independent writers wrote them; changed bytes never do harm."""

from __future__ import annotations

import csv
import functools
import io
import json
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shanhai.contracts.model import (
    CsvFormat,
    Format,
    GeoJsonFormat,
    JsonFormat,
    NdjsonFormat,
    WorkbookFormat,
)
from shanhai.errors import ShanhaiError
from shanhai.ingest.decode import BodyFile, Decoded, decode
from tests.support.documents import ods
from tests.support.plain_readers import cell_text, json_text
from tests.support.samples import samples

Cells = list[tuple[str | None, ...]]

ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
TEXT = st.text(st.sampled_from("ab1 ,;'\"\\\t\n.-龙游é\U00020000\u2028"), max_size=6)
VALUES = st.none() | st.booleans() | st.integers() | TEXT | st.lists(st.integers(), max_size=2)
PLAIN = st.text(st.sampled_from("ab1.-龙游é\U00020000"), min_size=1, max_size=6)
SHEET_VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4) + 0.0)
    | PLAIN
)


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    """One for all examples: opening one takes longer than decoding."""
    return duckdb.connect()


def decoded(body: bytes, stated: Format, sources: tuple[str, ...]) -> tuple[Decoded, Cells]:
    """What comes out, empty texts as None; all other keys are ignored on purpose by no one."""
    contract = samples(stated, sources)
    with tempfile.TemporaryDirectory() as folder:
        path, work = Path(folder) / "body", Path(folder) / "work"
        path.write_bytes(body)
        work.mkdir()
        outcome = decode(connection(), contract, [BodyFile("body", path)], work)
        assert list(work.iterdir()) == []
    rows = connection().execute("SELECT * FROM raw ORDER BY rowid").fetchall()
    assert outcome.rows == len(rows)
    assert outcome.malformed == sum(row[-2] is not None for row in rows)
    assert all(cell is None for row in rows if row[-2] for cell in row[:-3])
    return outcome, [tuple(cell or None for cell in row[:-3]) for row in rows]


@settings(max_examples=60, deadline=None, print_blob=True)
@given(
    st.lists(
        st.fixed_dictionaries({}, optional={"a": VALUES, "b": st.fixed_dictionaries({"c": VALUES})}),
        max_size=8,
    ),
    ENCODINGS,
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_a_record_a_line(records: list[dict[str, object]], encoding: str, as_ascii: bool, end: str) -> None:
    lines = [json.dumps(record, ensure_ascii=as_ascii) + end for record in records]
    outcome, cells = decoded(
        ("".join(lines) or "\n").encode(encoding), NdjsonFormat(encoding=encoding), ("a", "b.c")
    )
    assert cells == [
        (json_text(record.get("a")) or None, json_text(record.get("b", {}).get("c")) or None)  # type: ignore[attr-defined]
        for record in records
    ]
    assert (outcome.malformed, outcome.lines) == (0, "".join(lines).count("\n") or 1)


@settings(max_examples=60, deadline=None, print_blob=True)
@given(
    st.lists(
        st.tuples(VALUES, VALUES, st.none() | st.lists(st.integers(-180, 180), min_size=2, max_size=3)),
        max_size=6,
    ),
    ENCODINGS,
    st.booleans(),
)
def test_features(rows: list[tuple[object, object, list[int] | None]], encoding: str, in_lines: bool) -> None:
    features = [
        {
            "type": "Feature",
            "id": identity,
            "properties": {"名": name, "a.b": name},
            "geometry": None if place is None else {"type": "Point", "coordinates": place},
        }
        for identity, name, place in rows
    ]
    if in_lines:
        text = "".join(f"\x1e{json.dumps(feature, ensure_ascii=False)}\n" for feature in features) or "\n"
    else:
        text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)
    stated = GeoJsonFormat(encoding=encoding, lines=in_lines)
    sources = ("id", "properties.名", "properties.a.b", "geometry.coordinates.1")
    _, cells = decoded(text.encode(encoding), stated, sources)
    assert cells == [
        (
            json_text(identity) or None,
            json_text(name) or None,
            json_text(name) or None,
            None if place is None else str(place[1]),
        )
        for identity, name, place in rows
    ]


SHEETS = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(SHEET_VALUES, min_size=width, max_size=width), max_size=8).map(
        lambda rows: [[f"h{number}" for number in range(width)], *rows]
    )
)


def xlsx(rows: list[list[object]], row: int = 1, column: int = 1) -> bytes:
    book = openpyxl.Workbook()
    for at, cells in enumerate(rows, start=row):
        for across, value in enumerate(cells, start=column):
            book.active.cell(at, across, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@settings(max_examples=50, deadline=None, print_blob=True)
@given(SHEETS, st.integers(1, 4), st.integers(1, 4))
def test_sheets(rows: list[list[object]], row: int, column: int) -> None:
    expected = [
        tuple(cell_text(cell) for cell in cells)
        for cells in rows[1:]
        if any(cell is not None for cell in cells)
    ]
    sources = tuple(str(cell) for cell in rows[0])
    corner = f"{chr(64 + column)}{row}"
    placed = WorkbookFormat(range=f"{corner}:{chr(64 + column + len(sources) - 1)}")
    assert decoded(xlsx(rows, row, column), placed, sources)[1] == expected
    assert decoded(xlsx(rows, row, column), WorkbookFormat(header_row=row), sources)[1] == expected
    assert decoded(ods(rows), WorkbookFormat(kind="ods"), sources)[1] == expected  # type: ignore[arg-type]


def delimited(encoding: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], *([f"龙{number}", 'x "y", z\n'] for number in range(8))])
    return out.getvalue().encode(encoding)


RECORDS = [{"a": f"龙{number}", "b": [number, {"c": None}]} for number in range(8)]
FEATURES = [{"type": "Feature", "id": row["a"], "properties": row, "geometry": None} for row in RECORDS]
GRID: list[list[object]] = [["a", "b"], *[[f"龙{number}", number + 0.5] for number in range(8)]]
BODIES: dict[str, tuple[Callable[[], bytes], Format]] = {
    "csv": (lambda: delimited("utf-8"), CsvFormat()),
    "csv in utf-16": (lambda: delimited("utf-16"), CsvFormat(encoding="utf-16")),
    "csv in gb18030": (lambda: delimited("gb18030"), CsvFormat(encoding="gb18030")),
    "csv with remarks": (lambda: b"#\n" + delimited("utf-8"), CsvFormat(comment="#")),
    "json": (lambda: json.dumps(RECORDS).encode(), JsonFormat()),
    "json under a path": (
        lambda: json.dumps({"x": [RECORDS], "r": RECORDS}).encode(),
        JsonFormat(records="r"),
    ),
    "json lists": (lambda: json.dumps(GRID).encode(), JsonFormat(lists=True)),
    "ndjson": (lambda: "\n".join(map(json.dumps, RECORDS)).encode(), NdjsonFormat()),
    "geojson": (
        lambda: json.dumps({"type": "FeatureCollection", "crs": None, "features": FEATURES}).encode(),
        GeoJsonFormat(),
    ),
    "geojson in lines": (lambda: "\n".join(map(json.dumps, FEATURES)).encode(), GeoJsonFormat(lines=True)),
    "xlsx": (lambda: xlsx(GRID), WorkbookFormat(fill_merged=True)),
    "ods": (lambda: ods(GRID), WorkbookFormat(kind="ods")),  # type: ignore[arg-type]
}
ROUNDS = 40


def changed(body: bytes, random_: random.Random) -> bytes:
    """The body with some bytes lost, added or altered."""
    taken = bytearray(body)
    for _ in range(random_.choice([1, 1, 2, 5])):
        place = random_.randrange(len(taken)) if taken else 0
        match random_.randrange(4):
            case 0:
                del taken[place : place + random_.randrange(1, 30)]
            case 1:
                taken[place:place] = random_.choice([b'"', b"\n", b",", b"[", b"}", b"\0", b"\xff\xff"])
            case 2:
                del taken[place:]
            case _:
                taken[place : place + 1] = random_.randbytes(1)
    return bytes(taken)


@pytest.mark.parametrize("name", BODIES)
def test_changed_bytes_are_refused_or_every_line_is_accounted_for(name: str) -> None:
    written, stated = BODIES[name]
    body = written()
    sources = ("id", "properties.a") if "geo" in name else ("a", "b")
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    random_ = random.Random(seed)
    for _ in range(ROUNDS):
        given_bytes = changed(body, random_)
        try:
            outcome, _ = decoded(given_bytes, stated, sources)
        except ShanhaiError:
            continue
        if name in ("csv", "csv with remarks", "ndjson", "geojson in lines"):
            text = given_bytes.removeprefix(b"\xef\xbb\xbf")
            every = re.findall(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z", text)
            by_feeds = text.count(b"\n") + (not text.endswith(b"\n") and text != b"")
            # A bare CR ends a line between records; inside quotes, or between JSON values, it need not.
            assert by_feeds <= (outcome.lines or 0) <= len(every), given_bytes
