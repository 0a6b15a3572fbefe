"""Some 400 awkward files: each is read to its ground truth, or refused for a reason that a person accepts."""

from __future__ import annotations

import hashlib
import json
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from pydantic import TypeAdapter

from shanhai.contracts.model import Column, Format
from shanhai.errors import UnreadableError
from shanhai.ingest.decode import BodyFile, Decoded, decode
from tests.support.plain_contract import plain_contract
from tests.support.plain_readers import Plain, Row, json_text, physical_lines, read_plain

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::UserWarning")]

TABLE: dict[str, Any] = yaml.load(
    Path(__file__).with_name("torture.yml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
READ = [
    (name, group["format"], golden)
    for kind in ("read", "read_in_part")
    for group in TABLE[kind]
    for name, golden in group["files"].items()
]
REFUSED = [(name, group) for group in TABLE["refused"] for name in group["files"]]
NO_TABLE = TABLE["no_table"]["files"]
FORMATS = {name: stated for name, stated, _ in READ}
LONGEST_SECONDS = 600
IN_LINES = ("csv", "ndjson")
PACKED = (b"\x1f\x8b", b"PK")


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    """The folder with the files."""
    found = real_data / "csv_torture"
    if not found.is_dir():
        pytest.skip(f"the awkward files are not at {found}")
    return found


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as session:
        yield session


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Stop a decoder that hangs."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"still decoding after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class Outcome:
    """Rows in their order, None for a malformed one; `asides` are the texts of those as they stand."""

    decoded: Decoded
    rows: list[Row | None]
    reasons: Counter[str]
    asides: tuple[str, ...]


def outcome_of(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    stated: Mapping[str, Any],
    sources: tuple[str, ...],
    work: Path,
) -> Outcome:
    """Decode one file; empty texts as None, a malformed record as None."""
    contract = plain_contract(
        "longyou.samples",
        *(
            Column(name=f"c{number}", source=source, type="string", required=True)
            for number, source in enumerate(sources)
        ),
        level="city",
        format=TypeAdapter(Format).validate_python({key: stated[key] for key in stated if key != "width"}),
    )
    with no_longer_than(LONGEST_SECONDS):
        decoded = decode(con, contract, [BodyFile(path.name, path)], work)
    found = con.execute("SELECT * FROM raw ORDER BY rowid").fetchall()
    rows = [None if row[-2] else tuple(cell or None for cell in row[:-3]) for row in found]
    asides = tuple(row[-1] for row in found if row[-2])
    return Outcome(decoded, rows, Counter(row[-2] for row in found if row[-2]), asides)


def truth_of(folder: Path, name: str, stated: Mapping[str, Any], golden: Mapping[str, Any]) -> Plain | None:
    """What a plain reader finds in the file, or in another one with the same table."""
    if "headings" in golden:
        return None
    if "same_as" in golden:
        name, stated = golden["same_as"], FORMATS[golden["same_as"]]
    return read_plain((folder / name).read_bytes(), stated)


def digest(headings: tuple[str, ...], rows: list[Row | None]) -> str:
    return hashlib.sha256(json.dumps([headings, rows], ensure_ascii=False).encode()).hexdigest()[:16]


def test_every_file_has_its_row(folder):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    stated = [*(name for name, _, _ in READ), *(name for name, _ in REFUSED), *NO_TABLE]
    assert [name for name, times in Counter(stated).items() if times > 1] == []
    assert set(stated) == files


@pytest.mark.parametrize(("name", "stated", "golden"), READ, ids=[name for name, _, _ in READ])
def test_what_is_read(folder, con, tmp_path, name, stated, golden):
    truth = truth_of(folder, name, stated, golden)
    sources = (truth.headings if truth else tuple(golden["headings"])) or ("id", "name")
    found = outcome_of(con, folder / name, stated, sources, tmp_path)
    assert (found.decoded.missing, found.decoded.unknown) == ((), ())
    assert (len(found.rows), len(sources)) == (golden["rows"], golden["columns"])
    assert dict(found.reasons) == golden.get("malformed", {})
    assert digest(sources, found.rows) == golden["digest"]
    if truth:
        lenient = golden.get("lenient", [])
        expected = [
            None if row is None or number in lenient else tuple(cell or None for cell in row)
            for number, row in enumerate(truth.rows, start=1)
        ]
        assert found.rows == expected
        body = (folder / name).read_bytes()
        if stated["kind"] in IN_LINES and not body.startswith(PACKED):
            check_lines(body, stated, truth, found, lenient)


def check_lines(
    body: bytes, stated: Mapping[str, Any], truth: Plain, found: Outcome, lenient: list[int]
) -> None:
    """Every physical line is part of the headings or a record, or set aside, skipped, a remark, or blank."""
    lines = physical_lines(body.decode(stated.get("encoding", "utf-8")).removeprefix("\ufeff"))
    assert found.decoded.lines == len(lines)
    skipped = stated.get("skip_lines", 0)
    rest = lines[skipped:]
    comment = stated.get("comment")
    remarks = sum(bool(comment) and line.startswith(comment) for line in rest)
    if stated["kind"] == "ndjson":
        taken, blank = len(found.rows), sum(not line.strip() for line in rest)
    else:
        assert truth.lines is not None
        # A lenient record is one line that a plain reader takes and we set aside.
        taken = truth.lines - len(lenient) + sum(len(physical_lines(text)) for text in found.asides)
        # A blank line is an empty cell where a table has one column, and part of a record inside quotes.
        blank = 0 if len(truth.headings) == 1 else blank_lines_between_records(rest, stated.get("quote", '"'))
    assert skipped + remarks + blank + taken == len(lines)


def blank_lines_between_records(lines: list[str], quote: str) -> int:
    blank, is_open = 0, False
    for line in lines:
        blank += not is_open and not line.strip("\r\n")
        is_open ^= bool(quote) and line.count(quote) % 2 == 1
    return blank


@pytest.mark.parametrize(("name", "group"), REFUSED, ids=[name for name, _ in REFUSED])
def test_what_is_refused(folder, con, tmp_path, name, group):
    with pytest.raises(UnreadableError, match=group["reason"]) as caught:
        outcome_of(con, folder / name, group["format"], ("id", "name"), tmp_path)
    assert group["why"]
    assert caught.value.given or caught.value.allowed


@pytest.mark.parametrize("name", NO_TABLE)
def test_what_is_no_table_has_no_headings(folder, con, tmp_path, name):
    found = outcome_of(con, folder / name, TABLE["no_table"]["format"], ("id", "name"), tmp_path)
    assert found.decoded.missing == ("id", "name")
    assert set(found.rows) <= {None, (None, None)}


TRUTH_IS_OF_ANOTHER_COPY = {
    "spectrum/newlines_crlf.csv": "the line ends of the file became LF, those of its truth did not",
    "spectrum/location_coordinates.csv": "the telephone number was changed in the file alone",
}
SPECTRUM = sorted(
    name for name in FORMATS if name.startswith("spectrum/") and name not in TRUTH_IS_OF_ANOTHER_COPY
)


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_says_what_each_file_holds(folder, con, tmp_path, name):
    truth = json.loads(
        (folder / name.replace("spectrum/", "spectrum-json/").replace(".csv", ".json")).read_text()
    )
    records = truth if isinstance(truth, list) else [truth]
    keys = tuple(records[0])
    found = outcome_of(con, folder / name, FORMATS[name], keys, tmp_path)
    assert found.rows == [tuple(json_text(record[key]) or None for key in keys) for record in records]


def test_at_least_95_percent_of_the_well_formed_files_are_read():
    read = sum(len(group["files"]) for group in TABLE["read"])
    refused = sum(len(group["files"]) for group in TABLE["refused"] if group["well_formed"])
    assert read >= 340
    assert read / (read + refused) >= 0.95


DUPLICATES = {
    "frictionless/duplicate-headers.csv": [
        ("1101", "John", "0", "30", "001101"),
        ("1102", "Julie", "0", "26", "001102"),
    ],
    "frictionless/duplicate-column.csv": [("a", "b", "C", "c")],
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_a_heading_that_stands_twice_can_be_read_by_position(folder, con, tmp_path, name):
    stated = {"kind": "csv", "header": False, "skip_lines": 1}
    positions = tuple(str(number) for number in range(1, len(DUPLICATES[name][0]) + 1))
    assert outcome_of(con, folder / name, stated, positions, tmp_path).rows == DUPLICATES[name]
