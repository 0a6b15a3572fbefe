"""One JSON record a line: every line is a record, a malformed one, or blank."""

from __future__ import annotations

import gzip

import pytest

from shanhai.contracts.model import NdjsonFormat
from shanhai.errors import UnreadableError
from shanhai.ingest.decode.lines import BLOCK_BYTES

LINES = NdjsonFormat()


def test_a_broken_line_is_that_line(decoded):
    body = b'{"a": 1.10, "b": {"c": ["x", "y"]}}\n{"a": 2\n\n[3]\n"4"\n{"a": null}\r\n \t\n'
    body += b'{"a": "\xff"}\n{"b": 5} {}\n'
    outcome = decoded(body, LINES, "a", "b.c.1", ignored=("b",))
    assert outcome.cells == [
        ("1.1", "y"),
        (None, None),
        (None, None),
        (None, None),
        (None, None),
        (None, None),
        (None, None),
    ]
    assert outcome.faults == [
        (2, "not_json", '{"a": 2'),
        (3, "not_a_record", "[3]"),
        (4, "not_a_record", '"4"'),
        (6, "undecodable", '{"a": "\\xff"}'),
        (7, "not_json", '{"b": 5} {}'),
    ]
    assert (outcome.decoded.rows, outcome.decoded.lines) == (7, 9)


def test_missing_and_unknown_keys(decoded):
    outcome = decoded(b'{"a": 1, "new": 2}\n{"a": 3}\nbroken\n', LINES, "a", "gone", required=("a", "gone"))
    assert (outcome.decoded.missing, outcome.decoded.unknown) == (("gone",), ("new",))


def test_a_line_has_a_largest_size(decoded):
    stated = NdjsonFormat(max_line_bytes=100)
    long = b'{"a": "' + b"x" * 200 + b'"}'
    outcome = decoded(b'{"a": 1}\n' + long + b"\n" + b" " * 150 + b'\n{"a": 2}', stated, "a")
    assert [row[0] for row in outcome.cells] == ["1", None, "2"]
    assert [(at, reason) for at, reason, _ in outcome.faults] == [(2, "line_too_long")]
    assert outcome.decoded.lines == 4
    far = b'{"a": "' + b"x" * 3 * BLOCK_BYTES + b'"}\n{"a": 3}\n'
    assert decoded(far, stated, "a").cells == [(None,), ("3",)]


def test_a_carriage_return_is_blank_inside_a_line(decoded):
    filler = b'{"a": "' + b"x" * BLOCK_BYTES + b'"}\n'
    outcome = decoded(b'{"a":\r1}\r\n' + filler + b'{"a":\r2}', LINES, "a")
    assert [row[0] for row in outcome.cells[::2]] == ["1", "2"]
    assert outcome.decoded.lines == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "utf-32"])
def test_encodings_and_packages(decoded, encoding):
    body = '{"名": "龙游"}\n{"名": "𠀀"}\n'.encode(encoding)
    for packed in (body, gzip.compress(body)):
        assert decoded(packed, NdjsonFormat(encoding=encoding), "名").cells == [("龙游",), ("𠀀",)]


def test_many_lines_over_many_blocks(decoded):
    body = b"".join(b'{"n": %d, "text": "%s"}\n' % (number, b"x" * 50) for number in range(20_000))
    outcome = decoded(body, LINES, "n", ignored=("text",))
    assert [row[0] for row in outcome.cells] == [str(number) for number in range(20_000)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"<html><body>maintenance</body></html>", "HTML"),
        (b"PAR1xxxx", "Parquet"),
        ('{"a": 1}\n'.encode("utf-16"), "UTF-16"),
        ('{"a": 1}\n'.encode("utf-16-le"), "UTF-16 without its mark"),
    ],
)
def test_what_is_refused_whole(decoded, body, words):
    with pytest.raises(UnreadableError, match=words):
        decoded(body, LINES, "a")


def test_deep_nesting_is_one_bad_line(decoded):
    deep = b"[" * 200_000
    outcome = decoded(b'{"a": 1}\n{"a": ' + deep + b'\n{"a": 2}\n', LINES, "a")
    assert [row[0] for row in outcome.cells] == ["1", None, "2"]
