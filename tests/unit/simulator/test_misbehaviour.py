"""Faults of the connection are counted down and never met twice."""

import pytest

from infra.simulator.misbehaviour import HICCUPS, Misbehaviour, Mood
from infra.simulator.ranges import part_of
from infra.simulator.systems import Answer


def test_a_fault_is_met_so_often_and_no_more() -> None:
    mood = Mood((Misbehaviour("/a", "503", times=2, after=1),))
    met = [mood.meet(path) is not None for path in ("/b", "/a/1", "/a/2", "/a/3", "/a/4")]
    assert met == [False, False, True, True, False]


def test_the_first_request_is_told_to_wait_a_second() -> None:
    fault = Mood(HICCUPS).meet("/api/v1/events")
    assert fault is not None
    assert (fault.fault, fault.retry_after) == ("429", "1")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "/", "fault": "explode"}, "unknown fault explode; allowed: 429"),
        ({"path": "x", "fault": "cut"}, "path must start with /"),
        ({"fault": "cut"}, "path must start with /"),
        ({"path": "/", "fault": "cut", "colour": 1}, "unknown field colour; allowed: after"),
    ],
)
def test_a_wrong_control_request_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Misbehaviour.parse(fields)


WHOLE = Answer(200, "text/csv", b"0123456789", {"ETag": '"x"'})


def test_the_rest_of_an_unchanged_body() -> None:
    part = part_of(WHOLE, "bytes=4-", '"x"')
    assert (part.status, part.body) == (206, b"456789")
    assert part.headers["Content-Range"] == "bytes 4-9/10"


@pytest.mark.parametrize(
    ("wanted", "unchanged"), [("", ""), ("bytes=4-", '"y"'), ("bytes=10-", '"x"'), ("bytes=-3", '"x"')]
)
def test_otherwise_the_whole_body(wanted: str, unchanged: str) -> None:
    assert part_of(WHOLE, wanted, unchanged) is WHOLE
