"""Records, sheets and headings that moved, and formats told by first bytes: what is read and proposed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from shanhai.contracts.encodings import is_doubtful, likely_encodings
from shanhai.contracts.federation import Federation, open_federation
from shanhai.contracts.model import Contract, CsvFormat, JsonFormat, WorkbookFormat
from shanhai.contracts.proposals import SetFormat
from shanhai.ingest.decode import BodyFile
from shanhai.ingest.drift.dialect import dialect_differences, encoding_difference
from shanhai.ingest.drift.foreign import format_of
from shanhai.ingest.drift.json_places import record_lists, records_difference
from shanhai.ingest.drift.look import Look
from shanhai.ingest.drift.sheets import sheet_differences
from shanhai.ingest.records import Staging
from shanhai.settings import read_settings
from tests.support.samples import samples

ROOT = Path(__file__).resolve().parents[3]
HEADINGS = ("编号", "名称", "数量")


@pytest.fixture(scope="module")
def federation() -> Federation:
    return open_federation(ROOT)


@pytest.fixture
def look_at(tmp_path: Path, federation: Federation) -> Callable[[Contract, bytes], Look]:
    """A look at one body of a delivery that staging made nothing of."""

    def made(contract: Contract, body: bytes, malformed: dict[str, int] | None = None) -> Look:
        path = tmp_path / "body"
        path.write_bytes(body)
        settings = read_settings(home=tmp_path, federation=ROOT)
        files = (BodyFile("body", path),)
        return Look(settings, federation, contract, _staging(malformed or {}), files, tmp_path)

    return made


def _staging(malformed: dict[str, int]) -> Staging:
    return Staging(
        delivery="",
        staging="",
        contract_version="1.0.0",
        contract_digest="",
        rows_in=sum(malformed.values()),
        good=0,
        quarantined=sum(malformed.values()),
        duplicates=0,
        superseded=0,
        counts={},
        malformed=malformed,
        filled={},
        newest={},
        missing=(),
        unknown=(),
        unreadable=None,
        good_sha256=None,
        quarantine_file=None,
        quarantine_sha256=None,
    )


def records(count: int = 3) -> list[dict[str, object]]:
    return [{"编号": at, "名称": f"n{at}", "数量": {"m": 1}} for at in range(count)]


@pytest.mark.parametrize(
    ("document", "stated", "found"),
    [
        ({"data": {"list": records()}}, "data.list", None),
        ({"result": {"list": records()}}, "data.list", "result.list"),
        (records(), "data", ""),
        ({"data": records(), "areas": [{"code": 1}]}, "areas", "data"),
        ({"data": [{"x": 1}]}, "rows", None),
        ({"data": [[1, 2]]}, "rows", None),
        ({"meta": {"columns": [{"编号": 1}]}, "rows": records(5000)}, "data", "rows"),
    ],
)
def test_records_that_moved(look_at, document: object, stated: str, found: str | None) -> None:
    shape = JsonFormat(records=stated)
    look = look_at(samples(shape, HEADINGS), json.dumps(document).encode())
    difference = records_difference(look, shape)
    if found is None:
        assert difference is None
    else:
        assert difference is not None
        assert difference.proposal == SetFormat(settings={"records": found})
        assert difference.text == f"the records lie at {found or '$'}; the contract says {stated}"


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", None), ("gb18030", "gb18030"), ("utf-16", "utf-16")]
)
def test_a_document_in_another_encoding(look_at, encoding: str, found: str | None) -> None:
    shape = JsonFormat()
    text = json.dumps([{"编号": "龙游县詹家镇"}] * 9, ensure_ascii=False)
    difference = encoding_difference(look_at(samples(shape, HEADINGS), text.encode(encoding)), "utf-8")
    assert (difference.given if difference else None) == found


def test_a_key_that_may_be_data_is_not_shown(look_at) -> None:
    shape = JsonFormat(records="data")
    look = look_at(samples(shape, HEADINGS), json.dumps({"330825194910011234": records()}).encode())
    difference = records_difference(look, shape)
    assert difference is not None
    assert "330825" not in difference.model_dump_json()
    assert difference.proposal is None


def test_a_document_that_is_cut_off_is_walked_as_far_as_it_goes() -> None:
    text = json.dumps({"a": {"b": [{"x": 1, "y": {"z": 2}}, {"w": 3}]}})
    whole = {"a.b": {"x", "y", "w"}}
    for cut in range(len(text)):
        found = record_lists(text[:cut])
        assert all(found[path] <= keys for path, keys in whole.items() if path in found)
    assert record_lists(text) == {"a.b": frozenset("xyw")}


def workbook(sheets: dict[str, Sequence[Sequence[object]]]) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


TABLE = [HEADINGS, ("1", "a", 2)]


@pytest.mark.parametrize(
    ("sheets", "stated", "settings"),
    [
        ({"数据": TABLE}, {"sheet": "数据"}, []),
        ({"台账": TABLE}, {"sheet": "数据"}, [{"sheet": "台账"}]),
        # A name that might be data is told by its place.
        ({"20240301": TABLE}, {"sheet": "数据"}, [{"sheet": 0}]),
        ({"说明": [("读我",)], "台账": TABLE}, {"sheet": 0}, [{"sheet": "台账"}]),
        ({"说明": [("读我",)], "数据": TABLE}, {"sheet": "数据"}, []),
        ({"数据": [("台账",), (), *TABLE]}, {"sheet": "数据"}, [{"header_row": 3}]),
        ({"新": [("台账",), *TABLE]}, {"sheet": "数据"}, [{"sheet": "新"}, {"header_row": 2}]),
        ({"数据": [("甲", "乙")]}, {"sheet": "数据"}, []),
    ],
)
def test_sheets_and_rows_that_moved(look_at, sheets, stated, settings) -> None:
    shape = WorkbookFormat(**stated)
    look = look_at(samples(shape, HEADINGS), workbook(sheets))
    found = sheet_differences(look, shape)
    assert [difference.proposal.settings for difference in found] == settings


@pytest.mark.parametrize(
    ("body", "stated", "malformed", "settings"),
    [
        # Without headings the delimiter is the one that gives records.
        ("a;b;3\nc;d;4\n" * 40, {"header": False}, {"ragged": 80}, [{"delimiter": ";"}]),
        ("a,b,3\nc,d,4\n" * 40, {"header": False}, {}, []),
        # Headings in ASCII tell nothing of an encoding: the values that do not decode do.
        (
            ("a,b,c\n" + "龙游,县,3\n" * 40).encode("gb18030"),
            {},
            {"undecodable": 40},
            [{"encoding": "gb18030"}],
        ),
        (("a,b,c\n" + "déjà,é,3\n" * 40).encode("cp1252"), {}, {"undecodable": 40}, [{"encoding": "cp1252"}]),
        (("a,b,c\n" + "龙,游,3\n").encode("utf-16-le"), {}, {}, [{"encoding": "utf-16-le"}]),
        ("a|b|c\n1|2|3\n", {"delimiter": "~|~"}, {}, [{"delimiter": "|"}]),
        # A table of one column has no delimiter to tell.
        ("x\n\na;b;c\n", {"skip_lines": 5}, {}, [{"delimiter": ";"}, {"skip_lines": 2}]),
    ],
)
def test_dialects(look_at, body, stated, malformed, settings) -> None:
    shape = CsvFormat(**stated)
    sources = ("1", "2", "3") if not shape.header else ("a", "b", "c")
    look = look_at(samples(shape, sources), body.encode() if isinstance(body, str) else body, malformed)
    found = dialect_differences(look, shape)
    assert [difference.proposal.settings for difference in found] == settings


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"a,b\n1,2\n", None),
        (b"", None),
        (b'"a","b"\n', None),
        (b"\xef\xbb\xbf<!doctype html><html>", "HTML"),
        (b'<?xml version="1.0"?>\n<html>', "HTML"),
        (b'{"a": 1}\n{"a": 2}\n', "ndjson"),
        (b'{"a": 1}\n', "json"),
        (b'[{"a": 1}]', "json"),
        (b'{"type": "FeatureCollection", "features": []}', "geojson"),
        (b"\x1f\x8b\x08", "gz"),
        (b"PK\x03\x04" + bytes(26) + b"data.csv", "zip"),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "xlsx"),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "ods"),
        (b"\xd0\xcf\x11\xe0", "xls"),
        (b"PAR1", "parquet"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_formats_by_their_first_bytes(start: bytes, found: str | None) -> None:
    assert format_of(start) == found


CHINESE = "编号,地点\n1,浙江省衢州市龙游县詹家镇\n" * 20


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        (b"a,b\n", ("utf-8",)),
        (CHINESE.encode(), ("utf-8",)),
        (CHINESE.encode()[:-1], ("utf-8",)),
        (CHINESE.encode("utf-8-sig"), ("utf-8",)),
        (CHINESE.encode("gb18030")[:-1], ("gb18030",)),
        (CHINESE.encode("utf-16"), ("utf-16",)),
        (CHINESE.encode("utf-16-le"), ("utf-16-le",)),
        (CHINESE.encode("utf-16-be"), ("utf-16-be",)),
        ("編號,地點\n龍游縣詹家鎮\n".encode("big5") * 20, ("big5",)),
        ("numéro,état\ndéjà vu\n".encode("cp1252") * 20, ("cp1252",)),
    ],
)
def test_the_likeliest_encoding(sample: bytes, found: tuple[str, ...]) -> None:
    assert likely_encodings(sample)[:1] == found
    assert not is_doubtful(sample)


@pytest.mark.parametrize(
    ("text", "encoding"), [("編號,測試\n" + "測試1\n" * 60, "big5"), ("代刚\n" * 60, "gb18030")]
)
def test_which_of_two_encodings_it_is_may_be_doubtful(text: str, encoding: str) -> None:
    """Each of its characters is a frequent one of the other encoding, too."""
    assert likely_encodings(text.encode(encoding))[:1] == (encoding,)
    assert is_doubtful(text.encode(encoding))
