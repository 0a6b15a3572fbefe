"""Encodings: stated and met, or refused before text becomes mojibake."""

from __future__ import annotations

import pytest

from shanhai.contracts.model import CsvFormat, JsonFormat
from shanhai.errors import UnreadableError

TEXT = "日期,名\n一月,大连市沙河口区\n二月,龙游县\n"
RECORDS = '[{"日期": "一月", "名": "大连市沙河口区"}]'
ENCODINGS = ["utf-16", "utf-32", "gb18030", "gbk", "hz", "big5"]


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_with_and_without_its_mark(decoded, order, mark):
    body = ("\ufeff" * mark + TEXT).encode(order)
    rows = [("一月", "大连市沙河口区"), ("二月", "龙游县")]
    assert decoded(body, CsvFormat(encoding=order), "日期", "名").cells == rows
    if mark:
        assert decoded(body, CsvFormat(encoding="utf-16"), "日期", "名").cells == rows
        records = ("\ufeff" + RECORDS).encode(order)
        assert decoded(records, JsonFormat(encoding="utf-16"), "日期", "名").cells == rows[:1]
    else:
        with pytest.raises(UnreadableError, match="not text in the stated encoding"):
            decoded(body, CsvFormat(encoding="utf-16"), "日期", "名")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_utf16_are_counted_as_lines(decoded, end):
    body = ("a,b" + end + "1,龙\u0d0a\u0a0d" + end + "bad" + end + end + "2,x" + end).encode("utf-16")
    outcome = decoded(body, CsvFormat(encoding="utf-16"), "a", "b")
    assert outcome.cells == [("1", "龙\u0d0a\u0a0d"), (None, None), ("2", "x")]
    assert outcome.decoded.lines == 5


def test_half_a_character_costs_its_line(decoded):
    body = (
        "a,b\n1,x\n".encode("utf-16") + "2,".encode("utf-16-le") + b"\x00\xd8" + "y\n3,z".encode("utf-16-le")
    )
    outcome = decoded(body, CsvFormat(encoding="utf-16"), "a", "b")
    assert outcome.cells == [("1", "x"), (None, None), ("3", "z")]
    assert outcome.faults[0][1] == "undecodable"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_of_chinese(decoded, encoding):
    body = "日期,名\n一月,南山\n".encode(encoding)
    assert decoded(body, CsvFormat(encoding=encoding), "日期", "名").cells == [("一月", "南山")]


MOJIBAKE = {
    "utf-8 as gb18030": (TEXT.encode(), "gb18030", "utf-8"),
    "utf-8 as latin-1": (TEXT.encode(), "latin-1", "utf-8"),
    "utf-8 with its mark as gb18030": (b"\xef\xbb\xbfa,b\n1,2\n", "gb18030", "utf-8-sig"),
    "utf-16 as latin-1": (TEXT.encode("utf-16"), "latin-1", "utf-16-le"),
    "utf-16-be as utf-16-le": (("\ufeff" + TEXT).encode("utf-16-be"), "utf-16-le", "utf-16-be"),
    "utf-16 as utf-8": (TEXT.encode("utf-16"), "utf-8", "UTF-16"),
    "utf-16 without its mark as utf-8": ("a,b\n1,2\n".encode("utf-16-be"), "utf-8", "without its mark"),
}


@pytest.mark.parametrize(("body", "stated", "found"), MOJIBAKE.values(), ids=MOJIBAKE)
def test_text_in_another_encoding_is_refused(decoded, body, stated, found):
    with pytest.raises(UnreadableError, match=found):
        decoded(body, CsvFormat(encoding=stated), "a", "b")


def test_a_few_characters_prove_no_encoding(decoded):
    body = "a,b\n1,陆鲁\n".encode("gbk")
    assert body.decode("utf-8"), "valid UTF-8 by chance"
    assert decoded(body, CsvFormat(encoding="gbk"), "a", "b").cells == [("1", "陆鲁")]
