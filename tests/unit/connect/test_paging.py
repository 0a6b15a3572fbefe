"""Where a walk over pages ends, and where it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shanhai.connect.paging.kinds import Paging
from shanhai.connect.paging.pages import Fetch, Step, walk
from shanhai.connect.web.transfer import Whole
from shanhai.errors import SourceError

PAGING: TypeAdapter[Paging] = TypeAdapter(Paging)


class Source:
    """Answers by the value of one parameter, or by the link; remembers what it was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, number: int, step: Step) -> Whole:
        key = step.link or str(next(iter(step.params.values()), ""))
        self.asked.append(key)
        answer = self.answers[key]
        following = answer.pop("link", None) if isinstance(answer, dict) else None
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return Whole(content, following=following)


def pages(fetch: Fetch, **options: Any) -> list[tuple[int, Any]]:
    walked = walk(fetch, PAGING.validate_python(options), where="far")
    return [(page.number, json.loads(page.whole.content)) for page in walked]


FULL = {"d": [1, 2]}
EMPTY: dict[str, Any] = {"d": []}


@pytest.mark.parametrize(
    ("options", "answers", "asked", "yielded"),
    [
        pytest.param({"records": "d"}, {"1": {"d": [1]}, "2": {"d": [2]}, "3": EMPTY}, "123", 2, id="empty"),
        pytest.param({"records": "d"}, {"1": EMPTY}, "1", 1, id="nothing at all is one page"),
        pytest.param({"records": ""}, {"1": [1], "2": []}, "12", 1, id="the document is the list"),
        pytest.param({"total_pages": "m.n"}, {"1": {"m": {"n": 2}}, "2": {"m": {"n": 2}}}, "12", 2, id="all"),
        pytest.param({"total_pages": "n"}, {"1": {"n": "2"}, "2": {"n": "2"}}, "12", 2, id="total as text"),
        pytest.param({"total_pages": "n"}, {"1": {"n": 0}}, "1", 1, id="no pages"),
        pytest.param({"has_more": "m"}, {"1": {"m": True}, "2": {"m": False}}, "12", 2, id="has more"),
        pytest.param({"records": "d", "first": 0, "step": 2}, {"0": FULL, "2": EMPTY}, "02", 1, id="offsets"),
        pytest.param(
            {"records": "d", "total_records": "t"},
            {"1": {"d": [1, 2], "t": 3}, "2": {"d": [3], "t": 3}},
            "12", 2, id="all records came",
        ),
        pytest.param(
            {"records": "d", "has_more": "m"},
            {"1": {"d": [1], "m": True}, "2": {"d": [], "m": True}},
            "12", 1, id="both",
        ),
    ],
)  # fmt: skip
def test_numbered_pages_end(options: Any, answers: Any, asked: str, yielded: int) -> None:
    source = Source(answers)
    walked = pages(source, kind="page", **options)
    assert [number for number, _ in walked] == list(range(1, yielded + 1))
    assert source.asked == list(asked)


@pytest.mark.parametrize(
    ("options", "answers", "message"),
    [
        pytest.param({"records": "d"}, {"1": FULL, "2": FULL}, "sends page 2 again", id="parameter ignored"),
        pytest.param({"records": "d", "max_pages": 1}, {"1": FULL}, "more pages than allowed", id="endless"),
        pytest.param({"records": "x.y"}, {"1": FULL}, "something else at x.y; given: nothing", id="no list"),
        pytest.param({"records": "d"}, {"1": {"d": {}}}, "given: dict; allowed: a list", id="not a list"),
        pytest.param(
            {"has_more": "m"}, {"1": {"m": "yes"}}, "given: str; allowed: true or false", id="not boolean"
        ),
        pytest.param({"total_pages": "n"}, {"1": {"n": True}}, "allowed: a whole number", id="not a number"),
        pytest.param({"records": "d"}, {"1": b"\x1f\x8b"}, "does not answer with JSON", id="not JSON"),
        pytest.param({"records": "d"}, {"1": b"[" * 100_000}, "does not answer with JSON", id="too deep"),
        pytest.param(
            {"records": "d"}, {"1": b"9" * 10_000}, "does not answer with JSON", id="too long a number"
        ),
        pytest.param(
            {"records": "d", "total_records": "t"},
            {"1": {"d": [1], "t": 3}, "2": {"d": [], "t": 3}},
            "another number of records than it announced; given: 1 records; allowed: 3",
            id="records lost",
        ),
    ],
)
def test_numbered_pages_are_refused(options: Any, answers: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        pages(Source(answers), kind="page", param="p", **options)


@pytest.mark.parametrize(
    ("options", "answers", "asked", "yielded"),
    [
        pytest.param({}, {"0": FULL, "2": FULL | {"x": 1}, "4": EMPTY}, "024", 2, id="ends at nothing"),
        pytest.param({}, {"0": FULL, "2": {"d": [3]}, "3": EMPTY}, "023", 2, id="asks after a short page"),
        pytest.param({"end": "short"}, {"0": FULL, "2": {"d": [3]}}, "02", 2, id="or trusts it"),
        pytest.param({"end": "short"}, {"0": FULL, "2": EMPTY}, "02", 1, id="full to the end"),
        pytest.param({"total_records": "t"}, {"0": FULL | {"t": 2}}, "0", 1, id="total"),
        pytest.param({"total_records": "t"}, {"0": EMPTY | {"t": 0}}, "0", 1, id="nothing at all"),
        pytest.param({"first": 1}, {"1": FULL, "3": EMPTY}, "13", 1, id="counts from one"),
        pytest.param(
            {"total_records": "t", "appends": True},
            {"0": FULL | {"t": 3}, "2": {"d": [3, 4], "t": 5}, "4": {"d": [5], "t": 5}},
            "024", 3, id="records come at the end",
        ),
    ],
)  # fmt: skip
def test_offsets_end(options: Any, answers: Any, asked: str, yielded: int) -> None:
    source = Source(answers)
    assert len(pages(source, kind="offset", records="d", limit=2, **options)) == yielded
    assert source.asked == list(asked)


@pytest.mark.parametrize(
    ("options", "answers", "message"),
    [
        pytest.param(
            {}, {"0": FULL, "2": {"d": [3]}, "3": {"d": [4]}}, "a part of page 2 only", id="a part of a page"
        ),
        pytest.param(
            {"total_records": "t"},
            {"0": {"d": [1], "t": 3}, "1": {"d": [2, 3], "t": 3}},
            "a part of page 1 only", id="a smaller page than asked for",
        ),
        pytest.param(
            {"total_records": "t"},
            {"0": FULL | {"t": 4}, "2": {"d": [3], "t": 4}, "3": EMPTY | {"t": 4}},
            "given: 3 records; allowed: 4", id="a total that is not met",
        ),
        pytest.param({}, {"0": {"d": [1, 2, 3]}}, "more records on a page than", id="limit ignored"),
        pytest.param({}, {"0": FULL, "2": FULL}, "sends page 2 again", id="offset ignored"),
        pytest.param(
            {"total_records": "t"},
            {"0": FULL | {"t": 4}, "2": FULL | {"t": 5}},
            "changed while it was read; given: 5 records, 4 on the page before", id="records came",
        ),
        pytest.param(
            {"total_records": "t", "appends": True},
            {"0": FULL | {"t": 4}, "2": FULL | {"t": 3}},
            "changed while it was read", id="records went",
        ),
        pytest.param(
            {"key": "k"},
            {"0": {"d": [{"k": 1}, {"k": 2}]}, "2": {"d": [{"k": 2}, {"k": 3}]}},
            "page 2 repeats a record", id="records shifted",
        ),
        pytest.param({"key": "k"}, {"0": {"d": [{"k": 1}, {}]}}, "else at k of a record", id="no key"),
    ],
)  # fmt: skip
def test_offsets_are_refused(options: Any, answers: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        pages(Source(answers), kind="offset", records="d", limit=2, **options)


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        pytest.param(
            {}, {"1": FULL, "2": {"d": [3]}, "3": {"d": [4]}, "4": EMPTY}, id="another page follows"
        ),
        pytest.param(
            {"total_pages": "n"}, {"1": {"d": [1], "n": 2}, "2": {"d": [2], "n": 2}}, id="page 2 of 2 follows"
        ),
        pytest.param(
            {"has_more": "m"}, {"1": {"d": [1], "m": True}, "2": {"d": [2], "m": False}}, id="more follows"
        ),
    ],
)
def test_a_part_of_a_numbered_page_is_refused(options: Any, answers: Any) -> None:
    with pytest.raises(SourceError, match=r"a part of page \d only"):
        pages(Source(answers), kind="page", records="d", page_size=2, **options)


def test_keys_are_exact_while_records_come_and_go() -> None:
    rows = [{"k": f"{number:04}"} for number in range(0, 100, 2)]
    came: list[str] = []

    def fetch(number: int, step: Step) -> Whole:
        after = str(step.params.get("after", ""))
        rows.insert(0, {"k": f"-{number:04}"})
        rows.append({"k": f"{98 + number * 2:04}"} if number < 5 else {"k": f"-x{number:04}"})
        rows.sort(key=lambda row: row["k"])
        found = [row for row in rows if row["k"] > after and not row["k"].startswith("-")][:7]
        came.extend(row["k"] for row in found)
        return Whole(json.dumps(found).encode())

    walked = pages(fetch, kind="keyset", records="", key="k", param="after")
    assert len(walked) == 8
    assert came == sorted(set(came))
    assert {f"{number:04}" for number in range(0, 100, 2)} <= set(came)


def test_a_boundary_record_that_comes_again_is_seen() -> None:
    source = Source({"": [{"k": 1}, {"k": 2}], "2": [{"k": 2}, {"k": 3}]})
    with pytest.raises(SourceError, match="page 2 repeats a record"):
        pages(source, kind="keyset", records="", key="k", param="after")


def test_a_header_leads_on() -> None:
    source = Source({"": {"d": [1], "link": "/p2"}, "/p2": {"d": [2]}})
    assert len(pages(source, kind="link", records="d")) == 2
    with pytest.raises(SourceError, match="goes in circles"):
        pages(Source({"": {"link": "/p2"}, "/p2": {"link": "/p2"}}), kind="link")


@pytest.mark.parametrize("length", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("before", [0, 1, 57])
def test_a_circle_of_any_length_is_seen_soon(before: int, length: int) -> None:
    asked = 0

    def fetch(number: int, step: Step) -> Whole:
        nonlocal asked
        asked = number
        return Whole(json.dumps({"next": max(number - before, 0) % length + min(number, before)}).encode())

    with pytest.raises(SourceError, match="goes in circles"):
        pages(fetch, kind="cursor", next="next", param="c")
    assert asked <= before + 4 * (before + length) + 4


def test_one_answer_that_was_cut_off_is_seen_by_its_form() -> None:
    with pytest.raises(SourceError, match="does not answer with JSON"):
        pages(lambda number, step: Whole(b'[{"a": 1}, {"a"'), kind="none")


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}, {"next": False}])
def test_cursors_end(end: Any) -> None:
    source = Source({"": {"m": {"next": 7}}, "7": {"m": {"next": "b"}}, "b": {"m": end}})
    assert len(pages(source, kind="cursor", next="m.next", param="c")) == 3
    assert source.asked == ["", "7", "b"]


def test_an_address_may_follow() -> None:
    source = Source({"": {"next": "/p2"}, "/p2": {"next": None}})
    assert len(pages(source, kind="next_url", next="next")) == 2
    assert source.asked == ["", "/p2"]


def test_an_empty_page_amid_cursors_is_passed_over() -> None:
    source = Source({"": {"d": [1], "n": "a"}, "a": {"d": [], "n": "b"}, "b": {"d": [2], "n": None}})
    walked = pages(source, kind="cursor", next="n", param="c", records="d")
    assert [number for number, _ in walked] == [1, 3]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        pytest.param({"": {"n": "a"}, "a": {"n": "a"}}, "goes in circles", id="cursor repeats"),
        pytest.param(
            {"": {"n": "a"}, "a": {"n": "b"}, "b": {"n": "a"}}, "goes in circles", id="a longer loop"
        ),
        pytest.param({"": {"n": {"x": 1}}}, "allowed: a text or a number", id="no cursor"),
        pytest.param({"": [1]}, "given: nothing; allowed: a cursor", id="no place for a cursor"),
    ],
)
def test_cursors_are_refused(answers: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        pages(Source(answers), kind="cursor", next="n", param="c")


def test_one_answer_needs_no_paging() -> None:
    assert pages(Source({"": {"any": "thing"}}), kind="none") == [(1, {"any": "thing"})]


def test_values_of_a_page_are_not_told() -> None:
    for answer in (b"330105199001011234 not JSON", {"d": "330105199001011234"}):
        with pytest.raises(SourceError) as refused:
            pages(Source({"1": answer}), kind="page", records="d")
        assert "330105199001011234" not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "page"},
        {"kind": "page", "total_pages": "n", "total_records": "t"},
        {"kind": "cursor"},
        {"kind": "cursor", "next": "n"},
        {"kind": "next_url"},
        {"kind": "offset", "records": "d"},
        {"kind": "offset", "limit": 1},
        {"kind": "page", "total_pages": "n", "page_size": 3},
        {"kind": "page", "total_pages": "n", "key": "k"},
        {"kind": "keyset", "records": "d"},
        {"kind": "x"},
    ],
)
def test_options_without_an_end_are_refused(options: Any) -> None:
    with pytest.raises(ValidationError):
        PAGING.validate_python(options)
