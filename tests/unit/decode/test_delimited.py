"""Delimited text: every physical line is accounted for, in any stated dialect and encoding."""

from __future__ import annotations

import pytest

from shanhai.contracts.model import CsvFormat
from shanhai.errors import ContractError, UnreadableError

CSV = CsvFormat()


def test_the_table_has_a_text_per_column_and_where_a_record_came_from(decoded):
    outcome = decoded(b"a,b\n1,2\n", CSV, "a", "b")
    assert outcome.columns == ("c1", "c2", "_body", "_malformed", "_raw")
    assert outcome.rows == [("1", "2", "body-1", None, None)]
    assert outcome.decoded.lines == 2


def test_columns_are_found_by_their_headings(decoded):
    outcome = decoded("编号,值,备注\r\n一,1,x\r\n二,2,y\r\n".encode(), CSV, "值", "编号", ignored=("备注",))
    assert outcome.cells == [("1", "一"), ("2", "二")]
    assert outcome.decoded.missing == outcome.decoded.unknown == ()


def test_missing_and_unknown_headings_are_reported(decoded):
    outcome = decoded(b"a,new,\n1,2,3\n", CSV, "a", "gone")
    assert outcome.cells == [("1", None)]
    assert outcome.decoded.missing == ("gone",)
    assert outcome.decoded.unknown == ("new", "#3")


def test_bodies_follow_each_other_each_with_its_own_headings(decoded):
    outcome = decoded([b"a,b\n1,2\n", b"b,a\n4,3\nbad\n", b"a,b\n5,6\n"], CSV, "a", "b")
    assert outcome.cells == [("1", "2"), ("3", "4"), (None, None), ("5", "6")]
    assert [row[-3] for row in outcome.rows] == ["body-1", "body-2", "body-2", "body-3"]


def test_one_heading_may_fill_two_columns(decoded):
    assert decoded(b"a\n1\n", CSV, "a", "a").cells == [("1", "1")]


DIALECTS = {
    "crlf": (b"a,b\r\n1,2\r\n3,4\r\n", CSV),
    "cr": (b"a,b\r1,2\r3,4\r", CSV),
    "mixed ends": (b"a,b\r\n1,2\n3,4\r\n", CSV),
    "headings in another line end": (b"a,b\n1,2\r\n3,4\r\n", CSV),
    "no last line end": (b"a,b\n1,2\n3,4", CSV),
    "empty lines": (b"\n\na,b\n\n1,2\n\n3,4\n\n", CSV),
    "tab": (b"a\tb\n1\t2\n3\t4\n", CsvFormat(delimiter="\t")),
    "two characters": (b"a||b\n1||2\n3||4\n", CsvFormat(delimiter="||")),
    "chinese delimiter": ("a，b\n1，2\n3，4\n".encode(), CsvFormat(delimiter="，")),
    "another quote": (b"'a','b'\n'1',2\n3,'4'\n", CsvFormat(quote="'", escape="'")),
    "blanks around quotes": (b'a,b\n "1" ,2\n3, "4"\n', CSV),
    "skipped lines": (b'title\n"open quote\r\n\xff\na,b\n1,2\n3,4\n', CsvFormat(skip_lines=3)),
    "mark": (b"\xef\xbb\xbfa,b\n1,2\n3,4\n", CSV),
    "mark and quotes": (b'\xef\xbb\xbf"a","b"\n"1","2"\n"3","4"\n', CSV),
    "headings in two lines": (b'"a\n","b"\n1,2\n3,4\n', CSV),
    "surplus empty cells": (b'a,b\n1,2,,"",\n3,4,\n', CSV),
    "utf-16": ("a,b\n1,2\n3,4\n".encode("utf-16"), CsvFormat(encoding="utf-16")),
    "utf-8-sig": (b"\xef\xbb\xbfa,b\n1,2\n3,4\n", CsvFormat(encoding="utf-8-sig")),
}


@pytest.mark.parametrize(("body", "stated"), DIALECTS.values(), ids=DIALECTS)
def test_dialects(decoded, body, stated):
    outcome = decoded(body, stated, "a", "b")
    assert outcome.cells == [("1", "2"), ("3", "4")]
    assert outcome.faults == []


@pytest.mark.parametrize("tail", [b"", b"bad\n"], ids=["fast", "slow"])
def test_cells_are_what_was_written(decoded, tail):
    body = b'a,b\nx"y, 1 \n"p ""q"" r","line 1\r\nline 2\n"\n,""\n' + tail
    outcome = decoded(body, CSV, "a", "b")
    assert outcome.cells[:3] == [('x"y', " 1 "), ('p "q" r', "line 1\r\nline 2\n"), (None, None)]


@pytest.mark.parametrize("tail", [b"", b'"bad\n'], ids=["fast", "slow"])
def test_an_escape_other_than_the_quote(decoded, tail):
    outcome = decoded(b'a,b\n"x\\"y","\\\\"\n' + tail, CsvFormat(escape="\\"), "a", "b")
    assert outcome.cells[0] == ('x"y', "\\")


@pytest.mark.parametrize("tail", [b"", b"bad\n"], ids=["fast", "slow"])
def test_without_quoting_quotes_are_text(decoded, tail):
    outcome = decoded(b'a,b\n"x,y"\n' + tail, CsvFormat(quote="", escape=""), "a", "b")
    assert outcome.cells[0] == ('"x', 'y"')


@pytest.mark.parametrize("tail", [b"", b"bad\n"])
def test_a_long_delimiter_after_half_of_one(decoded, tail):
    outcome = decoded(b"a||b\n1|||2\n|||3|\n" + tail, CsvFormat(delimiter="||"), "a", "b")
    assert outcome.cells[:2] == [("1", "|2"), (None, "|3|")]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "big5", "utf-16", "utf-16-le", "shift_jis"])
@pytest.mark.parametrize("tail", ["", "坏\n"], ids=["fast", "slow"])
def test_encodings(decoded, encoding, tail):
    body = f"日期,名\n一月,大\n二月,小\n{tail}".encode(encoding, "ignore")
    outcome = decoded(body, CsvFormat(encoding=encoding), "日期", "名")
    assert outcome.cells[:2] == [("一月", "大"), ("二月", "小")]


def test_a_single_column_has_empty_cells_where_others_have_empty_lines(decoded):
    for tail in (b"", b'"bad\n'):
        assert decoded(b'a\n1\n\n""\n2\n' + tail, CSV, "a").cells[:4] == [("1",), (None,), (None,), ("2",)]


FAULTS = {
    "too few": (b"1", "ragged"),
    "too many": (b"1,2,3", "ragged"),
    "blanks only": (b"  ", "ragged"),
    "open quote": (b'"1,2', "unterminated_quote"),
    "open quote at the end": (b'1,"', "unterminated_quote"),
    "text after a quote": (b'"1"x,2', "stray_quote"),
    "bytes of another encoding": (b"\xc4\xe3,2", "undecodable"),
    "ragged and undecodable": (b"\xc4\xe3", "undecodable"),
    "long": (b"x" * 5000 + b",2", "line_too_long"),
    "very long": (b"x" * 3_000_000, "line_too_long"),
}


@pytest.mark.parametrize(("line", "reason"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_bad_line_is_malformed_and_takes_no_other_with_it(decoded, line, reason, end):
    good = [b"1,2", b'"3","4"', b'"5\n",6', b"7,8"]
    stated = CsvFormat(max_line_bytes=4000)
    for place in range(len(good) + 1):
        lines = [b"a,b", *good[:place], line, *good[place:]]
        outcome = decoded(end.join([*lines, b""]), stated, "a", "b")
        assert outcome.cells == [
            *[("1", "2"), ("3", "4"), ("5\n", "6"), ("7", "8")][:place],
            (None, None),
            *[("1", "2"), ("3", "4"), ("5\n", "6"), ("7", "8")][place:],
        ]
        ((position, found, raw),) = outcome.faults
        assert (position, found) == (place + 1, reason)
        assert raw is not None
        assert len(raw) <= 4096


def test_raw_shows_undecodable_bytes_as_they_were(decoded):
    for encoding in ("utf-8", "gb18030"):
        outcome = decoded(b"a,b\n\xff\xfe,2\n", CsvFormat(encoding=encoding), "a", "b")
        assert outcome.faults == [(1, "undecodable", "\\xff\\xfe,2")]


def test_undecodable_bytes_in_an_ignored_column_are_seen_too(decoded):
    outcome = decoded(b"a,b\n1,\xff\n2,3\n", CSV, "a", ignored=("b",))
    assert outcome.cells == [(None,), ("2",)]


def test_the_length_of_a_line_counts_to_the_byte(decoded):
    stated = CsvFormat(max_line_bytes=100)
    for place in range(3):
        for length, good in ((99, True), (100, True), (101, False), (102, False)):
            lines = [b"1,2"] * 2
            lines.insert(place, b"x" * (length - 2) + b",y")
            for end in (b"\n", b"\r\n"):
                outcome = decoded(end.join([b"a,b", *lines]), stated, "a", "b")
                assert (outcome.faults == []) is good, (place, length, end)
                assert outcome.decoded.rows == 3


def test_a_line_of_200_mb_passes_in_bounded_memory(decoded, tmp_path):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = decoded(b"a,b\n1,2\n" + b"x" * 200_000_000 + b"\n3,4\n", CSV, "a", "b")
    assert outcome.cells == [("1", "2"), (None, None), ("3", "4")]
    assert outcome.faults[0][1] == "line_too_long"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600_000, "kilobytes; twice 200 MB are the test's own"


def test_positions_name_the_cells_without_headings(decoded):
    stated = CsvFormat(header=False)
    outcome = decoded(b"\xef\xbb\xbf1,2,3\n4,5,6\n7\n", stated, "3", "1", ignored=("2",))
    assert outcome.cells == [("3", "1"), ("6", "4"), (None, None)]
    assert decoded(b"", stated, "1").decoded.rows == 0


@pytest.mark.parametrize("sources", [("1", "3"), ("a", "2"), ("0", "1")])
def test_positions_are_all_decided(decoded, sources):
    with pytest.raises(ContractError):
        decoded(b"1,2,3\n", CsvFormat(header=False), *sources)


REFUSED = {
    "empty": (b"", "empty"),
    "only a mark": (b"\xef\xbb\xbf", "empty"),
    "only empty lines": (b"\n\r\n", "empty"),
    "html": (b"\n <!DOCTYPE html><html><body>maintenance</body></html>", "HTML"),
    "html after a mark": (b"\xef\xbb\xbf<html>", "HTML"),
    "a workbook": (b"PK\x05\x06" + b"\0" * 18, "members match"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "another encoding": ("日期,名\n一月,大\n".encode("gb18030"), "headings cannot be read"),
    "heading twice": (b"a,b,a\n1,2,3\n", "more than once"),
    "heading without end": (b"a" * 3_000_000, "headings cannot be read"),
    "heading with an open quote": (b'"a,b\n1,2\n', "headings cannot be read"),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_whole(decoded, body, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, CSV, "a", "b")


def test_headings_alone_are_an_empty_table(decoded):
    for body in (b"a,b", b"a,b\n", b"a,b\r\n\r\n"):
        assert decoded(body, CSV, "a", "b").decoded.rows == 0


@pytest.mark.parametrize(
    "stated",
    [
        CsvFormat(encoding="klingon"),
        CsvFormat(encoding="base64"),
        CsvFormat(quote="“"),
        CsvFormat(delimiter="，，"),
    ],
)
def test_a_format_that_cannot_be(decoded, stated):
    with pytest.raises(ContractError):
        decoded(b"a,b\n1,2\n", stated, "a", "b")


@pytest.mark.parametrize("ignored", ["a", "b", "c"])
def test_invalid_text_in_a_column_that_nobody_wants(decoded, ignored):
    wanted = [name for name in "abc" if name != ignored]
    for row in (b"\xe9,2,3", b"1,\xe9,3", b"1,2,\xe9mmy"):
        outcome = decoded(b"a,b,c\n1,2,3\n" + row + b"\n7,8,9\n", CSV, *wanted, ignored=(ignored,))
        assert [fault[:2] for fault in outcome.faults] == [(2, "undecodable")]
        assert outcome.cells[2] == tuple(
            value for name, value in zip("abc", "789", strict=True) if name != ignored
        )


def test_half_a_character_at_the_end_in_a_column_that_nobody_wants(decoded):
    outcome = decoded(b"a,b\n1,2\n3,\xdc", CSV, "a", ignored=("b",))
    assert [fault[:2] for fault in outcome.faults] == [(2, "undecodable")]


def test_remarks_are_lines_and_no_records(decoded):
    body = b'# what\na,b\n1,2\n#,3\n"x\n# inside",4\n  # 5,6\n# end\n'
    outcome = decoded(body, CsvFormat(comment="#"), "a", "b")
    assert outcome.cells == [("1", "2"), ("x\n# inside", "4"), ("  # 5", "6")]
    assert outcome.decoded.lines == 8
    assert decoded(b"# what\n1,2\n", CsvFormat(comment="#", header=False), "1", "2").cells == [("1", "2")]
    assert decoded(b"a,b\n#1,2\n", CSV, "a", "b").cells == [("#1", "2")]


def test_line_breaks_in_cells_are_lines(decoded):
    body = b'a,b\n"1\n\n1",2\n3,"x\r\ny"\n4,5\n'
    outcome = decoded(body, CSV, "a", "b")
    assert outcome.cells == [("1\n\n1", "2"), ("3", "x\r\ny"), ("4", "5")]
    assert outcome.decoded.lines == 7


@pytest.mark.parametrize("cell", ["x\ry", "\r", "x\r\r", "x\r\ny\r"])
def test_a_carriage_return_in_a_cell_is_a_line_also_where_nothing_is_malformed(decoded, cell):
    body = b'a,b\n"' + cell.encode() + b'",2\n3,4\n'
    plain, other = decoded(body, CSV, "a", "b"), decoded(body + b"ragged\n", CSV, "a", "b")
    assert plain.cells == other.cells[:2] == [(cell, "2"), ("3", "4")]
    breaks = len(cell.splitlines(keepends=True)) - (not cell.endswith("\r"))
    assert plain.decoded.lines == other.decoded.lines - 1 == 3 + breaks
