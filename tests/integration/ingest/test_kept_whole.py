"""What is malformed is kept whole, however long it is; a line that is too long says that it was cut."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from one_city import COLUMNS, City

from shanhai.ingest.decode.decoded import RAW_CHARACTERS, REFERENCE
from shanhai.ingest.decode.workbook import BATCH_CHARACTERS
from shanhai.ingest.long_texts import LongTexts
from shanhai.ingest.quarantine import rows

LENGTHS = [6_000, 300_000]
GOOD = {"编号": "a", "n": 1, "at": "2024-01-01"}
LEAST = {"tolerance": {"hold": 1.0, "refuse": 1.0}}


def walked(city: City, name: str, body: bytes, stated: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """What was broken, and the text of each refused row, in their order."""
    source = {"connector": "files", "endpoint": "data", "options": {"path": f"*.{name}"}}
    city.declare(format=stated, source=source, **LEAST)
    city.put(f"a.{name}", body)
    city.walk()
    delivery = city.delivery("a")
    assert city.ledger()["a"].counts.loaded >= 1
    (file,) = city.node.quarantine.glob("*.parquet")
    assert file.stat().st_mode & 0o777 == 0o600
    assert pq.read_schema(file).names == [
        *("delivery", "district", "dataset", "body", "position", "reasons", "released", "raw"),
        "contract_version",
    ]
    return [(row.reasons, str(row.raw)) for row in rows(city.node, delivery, raw=True)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_line_of_delimited_text_is_kept_whole(city, length):
    broken = [f"b,{'长' * length},1,{'end'}", f'"c,{"x" * length}', f"{REFERENCE}0 5", "d,2"]
    lines = ["编号,n,at", "a,1,2024-01-01", *broken, "e,1,2024-01-02"]
    body = "\n".join(lines).encode() + b"\n" + b"\xff" * length + b",1,2024-01-01\n"
    found = walked(city, "csv", body, {"kind": "csv"})
    assert [(reasons[0].partition(".")[2], text) for reasons, text in found] == [
        ("ragged", broken[0]),
        ("unterminated_quote", broken[1]),
        ("ragged", broken[2]),
        ("ragged", broken[3]),
        ("undecodable", "\\xff" * length + ",1,2024-01-01"),
    ]


@pytest.mark.parametrize("more", range(3))
def test_a_long_line_beyond_ascii_is_malformed_like_any_other(city, more):
    """The parser quotes the beginning of such a line, up to within a character."""
    broken = f"{'b' * more},{'长' * 6_000},1,end"
    body = f"编号,n,at\na,1,2024-01-01\n{broken}\n".encode()
    assert walked(city, "csv", body, {"kind": "csv"}) == [(("malformed.ragged",), broken)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_line_that_is_no_record_is_kept_whole(city, length):
    filler = "长" * length
    broken = [json.dumps([filler], ensure_ascii=False), f'{{"编号": "{filler}', f"{REFERENCE}0 5", "[3]"]
    lines = [json.dumps(GOOD, ensure_ascii=False), *broken]
    body = "\n".join(lines).encode() + b'\n{"n": "' + b"\xff" * length + b'"}\n'
    found = walked(city, "ndjson", body, {"kind": "ndjson"})
    assert [(reasons[0].partition(".")[2], text) for reasons, text in found] == [
        ("not_a_record", broken[0]),
        ("not_json", broken[1]),
        ("not_json", broken[2]),
        ("not_a_record", broken[3]),
        ("undecodable", '{"n": "' + "\\xff" * length + '"}'),
    ]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_value_that_is_no_record_is_kept_whole(city, length):
    value = json.dumps(["长" * length, 1], ensure_ascii=False)
    body = f"[{json.dumps(GOOD)}, {value}, 3]".encode()
    found = walked(city, "json", body, {"kind": "json"})
    assert [json.loads(text) for _, text in found] == [json.loads(value), 3]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_list_of_cells_is_kept_whole(city, length):
    lists = [["编号", "n", "at"], ["a", 1, "2024-01-01"], ["b", "长" * length], ["c"]]
    body = json.dumps(lists, ensure_ascii=False).encode()
    found = walked(city, "json", body, {"kind": "json", "lists": True})
    assert [json.loads(text) for _, text in found] == lists[2:]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_row_of_a_sheet_is_kept_whole(city, length):
    book, cell = openpyxl.Workbook(), 30_000
    long = ["b", "1", "2024-01-01", *["长" * min(cell, length) for _ in range(max(1, length // cell))]]
    many = BATCH_CHARACTERS // sum(map(len, long)) + 2
    many = many if length == LENGTHS[-1] else 1
    for row in (["编号", "n", "at"], ["a", "1", "2024-01-01"], *[long] * many):
        book.active.append(row)
    book.save(out := io.BytesIO())
    found = walked(city, "xlsx", out.getvalue(), {"kind": "xlsx"})
    assert [json.loads(text) for _, text in found] == [long] * many


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
@pytest.mark.parametrize("length", [20_000, 2_000_000])
def test_a_line_that_is_too_long_says_that_it_was_cut_and_where_the_whole_is(city, kind, length):
    good = "编号,n,at\na,1,2024-01-01\n" if kind == "csv" else json.dumps(GOOD) + "\n"
    body = f"{good}{'x' * length}\n{'y' * 1_001}\n"
    found = walked(city, kind, body.encode(), {"kind": kind, "max_line_bytes": 1_000})
    assert [reasons for reasons, _ in found] == [("malformed.line_too_long",)] * 2
    said = " … [cut here: more than 1000 bytes; the body in the snapshot has the whole line]"
    assert found[0][1] == "x" * (RAW_CHARACTERS - len(said)) + said
    assert found[1][1] == "y" * 1_001


def test_many_long_records_are_kept_whole_in_bounded_memory(city, monkeypatch):
    """Together they have more than DuckDB may use, which would hold some thousand of them at once."""
    monkeypatch.setenv("SHANHAI_MEMORY_LIMIT", "100MB")
    city.declare(**LEAST)
    filler = "x" * 990_000
    city.put("a.csv", "编号,n,at\na,1,2024-01-01\n" + "".join(f"{n},{filler}\n" for n in range(120)))
    city.walk()
    (file,) = city.node.quarantine.glob("*.parquet")
    kept = pq.ParquetFile(file)
    read = [text for batch in kept.iter_batches(10, columns=["raw"]) for text in batch.column(0).to_pylist()]
    assert read == [f"{n},{filler}" for n in range(120)]
    assert [row.position for row in rows(city.node, city.delivery("a"))] == list(range(2, 122))
    shown = rows(city.node, city.delivery("a"), limit=2, raw=True)
    assert [(row.position, row.raw) for row in shown] == [(2, f"0,{filler}"), (3, f"1,{filler}")]


def test_a_rule_keeps_the_columns_of_the_contract_and_not_what_it_ignores(city):
    city.declare(columns=COLUMNS, ignored=["电话"], **LEAST)
    city.put("a.csv", "编号,n,at,电话\na,1,2024-01-01,13900000000\nb,-1,2024-01-01,13900000001\n")
    city.walk()
    (row,) = rows(city.node, city.delivery("a"), raw=True)
    assert json.loads(str(row.raw)) == {"编号": "b", "n": "-1", "at": "2024-01-01"}


def test_long_texts_are_written_in_parts_of_bounded_size(tmp_path, monkeypatch):
    import pyarrow as pa

    from shanhai.ingest import long_texts

    monkeypatch.setattr(long_texts, "_BYTES", 50_000)
    texts = LongTexts(tmp_path / "texts")
    given = ["short", None, *[letter * 20_000 for letter in "abcd"], "z" * 200_000, "end"]
    kept = [text if text is None else texts.keep(text) for text in given]
    assert max(len(text) for text in kept if text) < RAW_CHARACTERS
    assert (tmp_path / "texts").stat().st_mode & 0o777 == 0o600
    batch = pa.record_batch({"raw": pa.array(kept), "n": pa.array(range(len(kept)))})
    pq.write_table(pa.table(batch), tmp_path / "refused.parquet")
    texts._out.flush()
    with (tmp_path / "texts").open("rb") as source:
        parts = list(long_texts._whole(batch, source))
    assert [len(part) for part in parts] == [4, 2, 2]
    texts.put_back(tmp_path / "refused.parquet")
    found = pq.read_table(tmp_path / "refused.parquet").to_pydict()
    assert (found["raw"], found["n"]) == (given, list(range(len(given))))
    assert [file.name for file in tmp_path.iterdir()] == ["refused.parquet"]
