"""JSON: records at the top or under a path, and what is no JSON at all."""

from __future__ import annotations

import json

import pytest

from shanhai.contracts.model import JsonFormat
from shanhai.errors import UnreadableError

TOP = JsonFormat()
UNDER = JsonFormat(records="result.items")


def test_texts_of_values(decoded):
    body = b"""[{"a": 1.10}, {"a": 12345678901234567890123}, {"a": true}, {"a": null}, {"a": "x\\u4e2d"},
        {"a": {"b": [1, "2"]}}, {"b": 1}, {"a": ""}, {"a": 1.0}, {"a": "NaN"}]"""
    texts = [row[0] for row in decoded(body, TOP, "a", ignored=("b",)).cells]
    assert texts == [
        "1.1",
        "12345678901234567890123",
        "true",
        None,
        "x中",
        '{"b":[1,"2"]}',
        None,
        "",
        "1.0",
        "NaN",
    ]


def test_paths_go_through_objects_and_lists(decoded):
    body = b'[{"p": {"q": 1, "x y": 2}, "c": [120.1, 30.2], "d": {"0": "key"}}, {"p": 5}]'
    outcome = decoded(body, TOP, "p.q", "p.x y", "c.1", "d.0")
    assert outcome.cells == [("1", "2", "30.2", "key"), (None, None, None, None)]
    assert outcome.decoded.unknown == ()


def test_what_is_no_object_is_no_record(decoded):
    outcome = decoded(b'[1, {"a": 2}, null, [{"a": 3}], "t"]', TOP, "a")
    assert outcome.cells == [(None,), ("2",), (None,), (None,), (None,)]
    assert outcome.faults == [
        (1, "not_a_record", "1"),
        (3, "not_a_record", "null"),
        (4, "not_a_record", '[{"a": 3}]'),
        (5, "not_a_record", '"t"'),
    ]


def test_keys_that_nobody_decided_on_and_keys_that_never_come(decoded):
    outcome = decoded(
        b'[{"a": 1, "new": 2, "skip": 3}, {"b": null}]',
        TOP,
        "a",
        "b",
        "c",
        "d.e",
        required=("b", "c", "d.e"),
        ignored=("skip",),
    )
    assert outcome.decoded.unknown == ("new",)
    assert outcome.decoded.missing == ("c", "d.e")
    assert decoded(b"[]", TOP, "a", required=("a",)).decoded.missing == ()


def test_records_under_a_path(decoded):
    document = {
        "meta": {"x": ["]", '"}\\'], "items": 1},
        "result": {"n": 2, "items": [{"a": "]"}, {"a": "一"}], "z": [[]]},
        "t": {},
    }
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        stated = JsonFormat(records="result.items", encoding=encoding)
        body = json.dumps(document, ensure_ascii=False).encode(encoding)
        assert decoded(body, stated, "a").cells == [("]",), ("一",)]


def test_many_records_under_a_path(decoded):
    records = [{"a": str(number), "b": [number, {"c": "x" * 30}]} for number in range(50_000)]
    body = json.dumps({"result": {"items": records}, "tail": records}).encode()
    outcome = decoded(body, UNDER, "a", "b.1.c")
    assert outcome.cells == [(record["a"], "x" * 30) for record in records]


def test_pages_follow_each_other(decoded):
    outcome = decoded([b'[{"a": 1}]', b"[]", b'[{"a": 2}, 3]'], TOP, "a")
    assert [(row[0], row[1]) for row in outcome.rows] == [("1", "body-1"), ("2", "body-3"), (None, "body-3")]


REFUSED = {
    "empty": (b"", TOP, "empty"),
    "blank": (b" \n", UNDER, "empty"),
    "html": (b"<html><body>maintenance</body></html>", TOP, "HTML"),
    "text": (b"not json", TOP, "no list of records"),
    "an object": (b'{"a": 1}', TOP, "no list of records"),
    "cut off": (b'[{"a": 1}, {"a"', TOP, "cut off"),
    "cut off in a text": (b'[{"a": "1', TOP, "cut off"),
    "cut off behind the list": (b'{"result": {"items": []}', UNDER, "cut off"),
    "something behind": (b'[{"a": 1}] []', TOP, "something follows"),
    "something behind the end": (b'{"result": {"items": []}} 1', UNDER, "something follows"),
    "brackets": (b'[{"a": 1]]', TOP, "brackets"),
    "no comma": (b'[{"a": 1} {"a": 2}]', TOP, "not JSON"),
    "no value": (b'[{"a": }]', TOP, "not JSON"),
    "no key": (b'{"result": {"list": [], "n": 1}}', UNDER, "items is missing.*list, n"),
    "no object on the way": (b'{"result": []}', UNDER, "no object"),
    "no list there": (b'{"result": {"items": {}}}', UNDER, "no list of records"),
    "a comma behind headings": (b'[["a",], ["1"]]', JsonFormat(lists=True), "not JSON.*the first list"),
    "another encoding": ('[{"a": "一月"}]'.encode("gb18030"), TOP, "bytes that are not utf-8"),
    "not the stated encoding": (
        b'[{"a": "\xff\xff"}]',
        JsonFormat(encoding="gb18030"),
        "bytes that are not gb18030",
    ),
}


@pytest.mark.parametrize(("body", "stated", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_whole(decoded, body, stated, words):
    with pytest.raises(UnreadableError, match=words) as caught:
        decoded(body, stated, "a")
    assert "maintenance" not in str(caught.value)


def test_a_record_has_a_largest_size(decoded):
    with pytest.raises(UnreadableError, match="too large"):
        decoded(b'[{"a": "' + b"x" * 40_000_000 + b'"}]', TOP, "a")
