"""How often and how long an HTTP session tries, against a far side that fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from shanhai.clock import fixed_clock
from shanhai.connect.protocol import ConnectContext
from shanhai.connect.web.busy import retry_after
from shanhai.connect.web.session import HttpSession
from shanhai.errors import DataError, SourceError
from tests.conformance.far_side import Asked, FarSide, Reply

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
DATA = random.Random(2).randbytes(400_000)


@pytest.fixture
def far() -> Iterator[FarSide]:
    with FarSide(lambda asked: Reply(DATA)) as far_side:
        yield far_side


class Trial:
    """One session whose waits are noted instead of waited."""

    def __init__(self, far: FarSide, **limits: float) -> None:
        self.waits: list[float] = []
        self.context = ConnectContext(
            far.address, clock=fixed_clock(NOW), sleep=self.waits.append, **limits  # type: ignore[arg-type]
        )  # fmt: skip

    def get(self) -> bytes:
        with HttpSession(self.context) as session:
            return b"".join(session.get(session.base).chunks)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Fri, 01 Mar 2024 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Fri, 01 Mar 2024 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Fri, 01 Mar 2030 00:00:30 GMT", "Date": "Fri, 01 Mar 2030 00:00:00 GMT"}, 30.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 400}, float("inf")),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], wait: float | None) -> None:
    encoded = httpx.Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    assert retry_after(encoded, fixed_clock(NOW)) == wait


def test_the_wait_that_a_source_asks_for_is_kept(far: FarSide) -> None:
    wish = {"Retry-After": "7"}
    far.first = [Reply(status=429, headers=wish), Reply(status=503, headers=wish)]
    trial = Trial(far)
    assert trial.get() == DATA
    assert trial.waits == [7.0, 7.0]


def test_without_a_wish_waits_grow_and_differ(far: FarSide) -> None:
    far.first = [Reply(status=500)] * 9
    trial = Trial(far, attempts=10)
    assert trial.get() == DATA
    assert len(trial.waits) == 9
    assert all(0 <= wait <= min(60, 2**number) for number, wait in enumerate(trial.waits))
    assert len(set(trial.waits)) > 1


def test_a_wait_over_the_cap_is_not_cut_short_but_given_up(far: FarSide) -> None:
    far.first = [Reply(status=429, headers={"Retry-After": "301"})]
    trial = Trial(far)
    with pytest.raises(SourceError, match=r"come back later.*301 s.*at most 300 s"):
        trial.get()
    assert trial.waits == []
    assert len(far.asked) == 1


def test_tries_end(far: FarSide) -> None:
    far.answer = lambda asked: Reply(b"secret details", status=500)
    with pytest.raises(SourceError, match=r"given: status 500; hint: tried 3 times") as refused:
        Trial(far, attempts=3).get()
    assert type(refused.value) is SourceError
    assert "details" not in str(refused.value)
    assert len(far.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 204, 206, 304])
def test_what_will_not_change_is_asked_once(far: FarSide, status: int) -> None:
    far.answer = lambda asked: Reply(status=status)
    with pytest.raises(Exception, match=f"status {status}"):
        Trial(far).get()
    assert len(far.asked) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_cut_body_goes_on_where_it_stopped(far: FarSide, chunked: bool) -> None:
    far.first = [
        Reply(DATA, cut_after=100_000, chunked=chunked),
        Reply(status=502),
        Reply(DATA, cut_after=50),
    ]
    assert Trial(far).get() == DATA
    assert "range" not in far.asked[-1].headers


def test_a_cut_body_with_an_etag_is_not_sent_again(far: FarSide) -> None:
    def rest(asked: Asked) -> Reply:
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        assert asked.headers["if-range"] == '"v1"'
        part = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}", "ETag": '"v1"'}
        return Reply(DATA[start:], status=206, headers=part)

    far.first = [Reply(DATA, cut_after=100_000, headers={"ETag": '"v1"'})]
    far.answer = rest
    assert Trial(far).get() == DATA
    assert len(far.asked) == 2


def test_a_time_may_stand_for_the_etag(far: FarSide) -> None:
    dates = {"Last-Modified": "Fri, 01 Mar 2024 11:00:00 GMT"}

    def rest(asked: Asked) -> Reply:
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        assert asked.headers["if-range"] == dates["Last-Modified"]
        part = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}", **dates}
        return Reply(DATA[start:], status=206, headers=part)

    far.first = [Reply(DATA, cut_after=100_000, headers=dates)]
    far.answer = rest
    assert Trial(far).get() == DATA


@pytest.mark.parametrize(
    "headers", [{"ETag": 'W/"v1"'}, {"ETag": 'W/"v1"', "Last-Modified": "Fri, 01 Mar 2024 11:00:00 GMT"}, {}]
)
def test_a_weak_mark_is_no_ground_for_a_part(far: FarSide, headers: dict[str, str]) -> None:
    far.first = [Reply(DATA, cut_after=100_000, headers=headers)]
    assert Trial(far).get() == DATA
    assert "range" not in far.asked[1].headers


def test_a_source_that_ignores_range_sends_all_again(far: FarSide) -> None:
    far.first = [Reply(DATA, cut_after=100_000, headers={"ETag": '"v1"'})]
    assert Trial(far).get() == DATA
    assert far.asked[1].headers["range"] == "bytes=100000-"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(DATA[::-1], headers={"ETag": '"v2"'}),
        Reply(status=416, headers={"Content-Range": "bytes */10"}),
        Reply(
            DATA[:-100_000],
            status=206,
            headers={"Content-Range": "bytes 100000-399999/400000", "ETag": '"v2"'},
        ),
        Reply(b"x" * 900_000, status=206, headers={"Content-Range": "bytes 100000-999999/1000000"}),
    ],
    ids=["other bytes", "shrunk", "a part of another version", "a part of a longer one"],
)  # fmt: skip
def test_a_body_that_changed_between_its_parts_is_refused(far: FarSide, reply: Reply) -> None:
    far.first = [Reply(DATA, cut_after=100_000, headers={"ETag": '"v1"'})]
    far.answer = lambda asked: reply
    with pytest.raises(SourceError, match="changed while it was read"):
        Trial(far).get()


@pytest.mark.parametrize("part", ["bytes 5-9/10", "bytes 100000-199999/400000", "nonsense", ""])
def test_another_part_than_asked_for_is_refused(far: FarSide, part: str) -> None:
    far.first = [Reply(DATA, cut_after=100_000, headers={"ETag": '"v1"'})]
    far.answer = lambda asked: Reply(b"other", status=206, headers={"Content-Range": part})
    with pytest.raises(SourceError, match="another part"):
        Trial(far).get()


@pytest.mark.parametrize("other", [DATA[::-1], DATA[:1000]], ids=["other bytes", "shorter"])
def test_a_body_that_changed_meanwhile_is_refused(far: FarSide, other: bytes) -> None:
    far.first = [Reply(DATA, cut_after=100_000)]
    far.answer = lambda asked: Reply(other)
    with pytest.raises(SourceError, match="changed while it was read"):
        Trial(far).get()


def test_a_whole_answer_may_differ_between_tries(far: FarSide) -> None:
    far.first = [Reply(b'{"at": 1}', cut_after=5)]
    far.answer = lambda asked: Reply(b'{"at": 2}', headers={"ETag": '"2"'})
    trial = Trial(far)
    with HttpSession(trial.context) as session:
        whole = session.get_whole(session.base)
    assert whole.content == b'{"at": 2}'
    assert whole.facts == {"etag": '"2"'}


def test_a_trickle_meets_the_limit_of_the_whole(far: FarSide) -> None:
    far.answer = lambda asked: Reply(DATA, piece=1000, pause=0.02)
    with pytest.raises(SourceError, match="is too slow"):
        Trial(far, max_body_seconds=0.2).get()
    assert len(far.asked) == 1


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "unannounced"])
def test_a_body_over_the_cap_is_refused(far: FarSide, chunked: bool) -> None:
    far.answer = lambda asked: Reply(DATA, chunked=chunked)
    with pytest.raises(DataError, match=r"larger than allowed.*399999 bytes"):
        Trial(far, max_body_bytes=399_999).get()
    assert len(far.asked) == 1
    assert Trial(far, max_body_bytes=400_000).get() == DATA


def test_a_body_given_up_half_way_closes_quietly(far: FarSide) -> None:
    with HttpSession(Trial(far).context) as session:
        chunks = session.get(session.base).chunks
        assert next(chunks)
        chunks.close()  # type: ignore[attr-defined]
        assert list(chunks) == []
