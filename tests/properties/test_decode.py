"""Whatever table is written, in whatever dialect, comes back cell by cell; a bad line costs only itself."""

from __future__ import annotations

import csv
import functools
import io
import json
import tempfile
from pathlib import Path

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shanhai.contracts.model import CsvFormat, Format, JsonFormat
from shanhai.ingest.decode import BodyFile, decode
from tests.support.samples import samples

Table = list[list[str]]

TEXT = st.text(st.sampled_from("ab1 ,;|，\t\"'\\\r\n.-龙游é\U00020000"), max_size=6)
PLAIN = st.text(st.sampled_from("ab1 .-龙游é"), min_size=1, max_size=6)
DIALECTS = st.builds(
    lambda quote, **stated: CsvFormat(quote=quote, escape=quote, **stated),
    quote=st.sampled_from(['"', "'"]),
    delimiter=st.sampled_from([",", ";", "\t", "|", "，"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    skip_lines=st.sampled_from([0, 0, 2]),
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
QUOTING = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
BAD_LINES = {
    "ragged": "x{d}" * 9,
    "unterminated_quote": "{q}x",
    "stray_quote": "{q}x{q}x",
    "line_too_long": "x" * 200,
    "undecodable": None,
}


def tables(cell: st.SearchStrategy[str], widths: tuple[int, int] = (1, 5)) -> st.SearchStrategy[Table]:
    return st.integers(*widths).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), max_size=12).map(
            lambda rows: [[f"h{number}" for number in range(width)], *rows]
        )
    )


def written(table: Table, stated: CsvFormat, end: str, quoting: int) -> list[str]:
    """The lines of the table as the standard library writes them, with the escape that we state."""
    records = []
    for row in table:
        out = io.StringIO()
        # Blanks before a quote are no text to us, and the writer leaves a CR bare where lines end in LF.
        kind = (
            csv.QUOTE_ALL
            if any(cell.startswith(" ") or set(cell) & {"\r", "\n"} for cell in row)
            else quoting
        )
        writer = csv.writer(
            out,
            delimiter=stated.delimiter,
            quotechar=stated.quote,
            lineterminator=end,
            quoting=kind,  # type: ignore[arg-type]
        )
        writer.writerow(row)
        records.append(out.getvalue())
    return [f"skipped{end}"] * stated.skip_lines + records


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    """One for all examples: opening one takes longer than decoding."""
    return duckdb.connect()


def decoded(
    bodies: list[bytes], stated: Format, sources: list[str]
) -> tuple[list[list[str]], list[str | None]]:
    """Cells, None as empty text, and the reason per record."""
    contract = samples(stated, sources)
    con = connection()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, body in enumerate(bodies):
            path = Path(folder) / f"{number}.body"
            path.write_bytes(body)
            files.append(BodyFile(path.name, path))
        work = Path(folder) / "work"
        work.mkdir()
        outcome = decode(con, contract, files, work)
        rows = con.execute("SELECT * FROM raw ORDER BY rowid").fetchall()
        assert outcome.rows == len(rows)
        assert outcome.missing == outcome.unknown == ()
    return [[cell or "" for cell in row[:-3]] for row in rows], [row[-2] for row in rows]


def encoded(lines: list[str], stated: CsvFormat) -> bytes:
    return "".join(lines).encode(stated.encoding)


@settings(max_examples=80, deadline=None)
@given(tables(TEXT), DIALECTS, ENDS, QUOTING)
@example([["h0"], [""], [""]], CsvFormat(), "\n", csv.QUOTE_MINIMAL)
@example([["h0", "h1"], ["", "\r\n"], ['"', "\n"]], CsvFormat(), "\r\n", csv.QUOTE_MINIMAL)
def test_cells_come_back_on_both_paths(table: Table, stated: CsvFormat, end: str, quoting: int) -> None:
    lines = written(table, stated, end, quoting)
    cells, reasons = decoded([encoded(lines, stated)], stated, table[0])
    assert cells == table[1:]
    assert set(reasons) <= {None}
    # One ragged line at the end sends the same body through the slow path.
    lines.append(stated.delimiter.join(["bad"] * (len(table[0]) + 2)))
    cells, reasons = decoded([encoded(lines, stated)], stated, table[0])
    assert cells == [*table[1:], [""] * len(table[0])]
    assert reasons == [*[None] * len(table[1:]), "ragged"]


@settings(max_examples=80, deadline=None)
@given(tables(PLAIN, widths=(2, 5)), DIALECTS, ENDS, QUOTING, st.sampled_from(sorted(BAD_LINES)), st.data())
def test_a_bad_line_is_exactly_that_line(
    table: Table, stated: CsvFormat, end: str, quoting: int, fault: str, data: st.DataObject
) -> None:
    stated = stated.model_copy(update={"max_line_bytes": 150})
    lines = written(table, stated, end, quoting)
    place = data.draw(st.integers(1, len(table)))
    bad = BAD_LINES[fault]
    if bad is None:
        stated = stated.model_copy(update={"encoding": "gb18030"})
        body = [line.encode("gb18030") for line in lines]
        body.insert(stated.skip_lines + place, b"\xff" + end.encode())
    else:
        text = bad.format(d=stated.delimiter, q=stated.quote) + end
        body = [
            encoded([*lines[: stated.skip_lines + place], text, *lines[stated.skip_lines + place :]], stated)
        ]
    cells, reasons = decoded([b"".join(body)], stated, table[0])
    expected = [*table[1:place], [""] * len(table[0]), *table[place:]]
    assert cells == expected
    assert [(at, reason) for at, reason in enumerate(reasons, start=1) if reason] == [(place, fault)]


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('a," \n\r'), max_size=40), st.integers(1, 3))
def test_both_paths_agree_on_anything(text: str, width: int) -> None:
    headings = [f"h{number}" for number in range(width)]
    opening = ",".join(headings) + "\nx" + ",x" * width
    slow_cells, slow_reasons = decoded([f"{opening}\n{text}".encode()], CsvFormat(), headings)
    cells, reasons = decoded([f"{','.join(headings)}\n{text}".encode()], CsvFormat(), headings)
    assert (slow_cells[1:], slow_reasons[1:]) == (cells, reasons)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text(st.sampled_from('a,"\n\r 龙'), max_size=60).map(str.encode))
def test_every_line_of_anything_is_a_record_or_part_of_one(tail: bytes) -> None:
    cells, reasons = decoded([b"h0,h1\nfirst,1\n" + tail + b"\nlast,2\n"], CsvFormat(), ["h0", "h1"])
    lines = [line for line in (b"first,1\n" + tail + b"\nlast,2\n").splitlines() if line]
    assert cells[0] == ["first", "1"]
    assert len(cells) <= len(lines)
    whole = {line for line in lines if line.count(b",") == 1 and b'"' not in line and line.isascii()}
    text = repr(cells)
    assert all(line.decode().split(",")[0].strip() in text or "\\x" in repr(line) for line in whole)
    assert len(reasons) == len(cells)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)


def as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value, separators=(",", ":"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({}, optional={"a": VALUES, "b": st.fixed_dictionaries({"c": VALUES})}),
        max_size=8,
    ),
    st.sampled_from(["", "data", "data.list"]),
    st.sampled_from([None, 2]),
    st.booleans(),
)
def test_json_records_come_back(
    records: list[dict[str, object]], path: str, indent: int | None, as_ascii: bool
) -> None:
    document: object = records
    for key in reversed(path.split(".") if path else []):
        document = {
            "before": {"x": ["]", '"}'], key: []} if key != "before" else 1,
            key: document,
            "after": [[1]],
        }
    body = json.dumps(document, indent=indent, ensure_ascii=as_ascii).encode("utf-8", "replace")
    cells, reasons = decoded([body], JsonFormat(records=path), ["a", "b.c"])
    text = json.loads(body)
    for key in path.split(".") if path else []:
        text = text[key]
    assert cells == [[as_text(row.get("a")), as_text(row.get("b", {}).get("c"))] for row in text]
    assert set(reasons) <= {None}
