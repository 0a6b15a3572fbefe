"""Where a walk over pages ends, and where it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from shanhai.connect.paging import Fetch, Paging, Step, walk
from shanhai.connect.transfer import Whole
from shanhai.errors import SourceError

PAGING: TypeAdapter[Paging] = TypeAdapter(Paging)


class Source:
    """Answers by the value of one parameter, or by the link; remembers what it was asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, step: Step) -> Whole:
        key = step.link or next(iter(step.params.values()), "")
        self.asked.append(key)
        answer = self.answers[key]
        return Whole(answer if isinstance(answer, bytes) else json.dumps(answer).encode())


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


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}, {"next": False}])
def test_cursors_end(end: Any) -> None:
    source = Source({"": {"m": {"next": 7}}, "7": {"m": {"next": "b"}}, "b": {"m": end}})
    assert len(pages(source, kind="cursor", next="m.next", param="c")) == 3
    assert source.asked == ["", "7", "b"]


def test_a_cursor_may_be_an_address() -> None:
    source = Source({"": {"next": "/p2"}, "/p2": {"next": None}})
    assert len(pages(source, kind="cursor", next="next")) == 2
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
        {"kind": "x"},
    ],
)
def test_options_without_an_end_are_refused(options: Any) -> None:
    with pytest.raises(ValidationError):
        PAGING.validate_python(options)
