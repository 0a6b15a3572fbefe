"""A paged source that is asked only for what is new: in the end the lake is what the source has."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.rest import RestConnector
from shanhai.connect.protocol import ConnectContext
from shanhai.errors import ConfigurationError, ContractError, NotFoundError, SourceError
from shanhai.ingest.cursors import last_cursor
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.sidecar import sidecars
from shanhai.ingest.snapshot import pull
from tests.conformance.far_side import Asked, FarSide, Reply
from tests.support.one_city import DATASET, City

SIZE = 3
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAILY = {"cron": "0 2 * * *", "start": "2024-01-01"}
CURSOR = {"column": "at", "param": "changed_since", "lag": "10m"}
OPTIONS: dict[str, Any] = {
    "path": "requests",
    "paging": {"kind": "page", "records": "data", "total_pages": "pages"},
    "cursor": CURSOR,
}


class Requests:
    """A source of records that change; `strict` leaves out those that equal what is asked for."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.records: dict[str, dict[str, Any]] = {}

    def put(self, key: str, n: int, minute: float) -> None:
        at = (BEGIN + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
        self.records[key] = {"编号": key, "n": n, "at": at}

    def rows(self) -> list[tuple[str, int]]:
        return sorted((key, record["n"]) for key, record in self.records.items())

    def __call__(self, asked: Asked) -> Reply:
        since = asked.query.get("changed_since", "")
        found = sorted(
            (
                one
                for one in self.records.values()
                if one["at"] > since or (one["at"] == since and not self.strict)
            ),
            key=lambda one: (one["at"], one["编号"]),
        )
        page = int(asked.query.get("page", "1"))
        document = {"pages": max(1, -(-len(found) // SIZE)), "data": found[(page - 1) * SIZE : page * SIZE]}
        return Reply(json.dumps(document).encode(), media_type="application/json")


@pytest.fixture(params=[True, False], ids=["greater", "greater or equal"])
def source(request: pytest.FixtureRequest) -> Requests:
    return Requests(strict=request.param)


@pytest.fixture
def far(source: Requests) -> Iterator[FarSide]:
    with FarSide(source) as side:
        yield side


@pytest.fixture
def city(far: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.setenv("SHANHAI_ENDPOINT_ACITY__DATA", far.address)
    made = City(tmp_path)
    made.declare(**declared(OPTIONS))
    return made


def declared(options: dict[str, Any], per: str = "pull") -> dict[str, Any]:
    return {
        "source": {"connector": "rest", "endpoint": "data", "options": options},
        "format": {"kind": "json", "records": "data"},
        "delivery": {"per": per, "partition": {"by": "none"}},
    }


def test_the_next_pull_asks_from_the_mark_less_the_lag(city: City, far: FarSide, source: Requests) -> None:
    assert pull(city.node, DATASET) == [], "an empty source gives no delivery"
    for number in range(7):
        source.put(f"E{number}", number, number)
    city.walk()
    assert "changed_since" not in far.asked[-1].query
    source.put("late", 8, -3.5)
    source.put("same moment", 9, 6)
    city.walk()
    assert far.asked[-1].query["changed_since"] == "2023-12-31T23:55:59Z"
    assert city.rows() == source.rows()
    first, second = sidecars(city.node, DATASET)
    assert (first.since, second.since) == (None, first.cursor)
    assert json.loads(second.cursor or "")["value"] == "2024-01-01T00:06:00Z"


def test_whatever_happens_in_the_end_the_lake_is_the_source(city: City, source: Requests) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance, minute = random.Random(seed), 0
    for step in range(14):
        minute += chance.choice([0, 1, 20])
        for number in range(chance.randint(0, 3)):
            source.put(f"E{step}.{number}", step, minute - chance.choice([0, 0, 5, 10]))
        if source.records and chance.random() < 0.5:
            source.put(chance.choice(sorted(source.records)), 100 + step, minute)
        if chance.random() < 0.2:
            city.now -= timedelta(hours=5)
        if chance.random() < 0.5:
            pull(city.node, DATASET)
    source.put("refused", -1, minute)
    source.put("refused too", -1, minute)
    pull(city.node, DATASET)
    city.walk()
    accepted = [row.delivery for row in ledger(city.node) if row.verdict == "accepted"]
    decide(city.node, chance.choice(accepted), "withdraw", by="Li", reason="test")
    for key in ("refused", "refused too"):
        source.put(key, 1, minute + 1)
    city.walk()
    assert city.rows() == source.rows()


def test_a_stamp_in_the_future_is_no_mark(city: City, source: Requests) -> None:
    source.put("now", 1, 0)
    source.put("skewed", 2, 60 * 24 * 365 * 9)
    city.walk()
    assert json.loads(last_cursor(city.node, DATASET) or "")["value"] == "2024-01-01T00:00:00Z"
    source.put("after", 3, 20)
    city.walk()
    assert city.rows() == source.rows()


def test_a_pull_that_is_torn_between_pages_leaves_no_mark(city: City, far: FarSide, source: Requests) -> None:
    for number in range(7):
        source.put(f"E{number}", number, number)
    whole = source(Asked("", {"page": "1"}, {}, ""))
    far.first += [whole, Reply(status=404)]
    with pytest.raises(NotFoundError):
        pull(city.node, DATASET)
    assert last_cursor(city.node, DATASET) is None
    far.first.clear()
    city.walk()
    assert city.rows() == source.rows()


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ([3, 20, 100], "94"),
        (["3", "20", "100"], "94"),
        (["2024-02-28", "2024-03-01"], "2024-02-29"),
        (["2024-03-01T08:00:00+08:00", "2024-03-01T00:30:00Z"], "2024-03-01T00:14:59Z"),
        (["2024-03-01 08:00:00.25"], "2024-03-01 07:44:59.25"),
    ],
)
def test_numbers_days_and_moments_are_compared_as_what_they_are(values: list[Any], asked: str) -> None:
    def answer(_: Asked) -> Reply:
        return Reply(
            json.dumps([{"c": value} for value in [*values, None]]).encode(), media_type="application/json"
        )

    number = asked.isdigit()
    cursor = {"column": "c", "param": "since", "records": "", "lag": "5" if number else "15m"}
    with FarSide(answer) as side:
        context = ConnectContext(side.address, clock=lambda: datetime(2024, 3, 10, tzinfo=UTC))
        (first,) = RestConnector({"cursor": cursor}, context).pull(None)
        again = ConnectContext(side.address, cursor=first.facts["cursor"], clock=context.clock)
        (second,) = RestConnector({"cursor": cursor}, again).pull(None)
        assert side.asked[-1].query == {"since": asked}
    assert second.facts["cursor"] == first.facts["cursor"]


@pytest.mark.parametrize(
    ("value", "error"), [("yesterday", SourceError), (True, SourceError), ("01.03.2024 10:00", SourceError)]
)
def test_what_is_no_cursor_is_told_without_its_value(value: Any, error: type[Exception]) -> None:
    def answer(_: Asked) -> Reply:
        return Reply(json.dumps([{"c": value}]).encode(), media_type="application/json")

    cursor = {"column": "c", "param": "since", "records": ""}
    with FarSide(answer) as side, pytest.raises(error) as told:
        list(RestConnector({"cursor": cursor}, ConnectContext(side.address)).pull(None))
    assert str(value) not in str(told.value)


@pytest.mark.parametrize(
    "options",
    [
        {"cursor": {"column": "c", "param": "since"}},
        {"cursor": {"column": "c", "param": "since", "records": "", "lag": "soon"}},
        {"cursor": {"column": "c", "param": "since", "records": ""}, "windows": ["2024"]},
    ],
)
def test_options_that_contradict_a_cursor_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RestConnector(options, ConnectContext("http://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("options", "per", "message"),
    [(OPTIONS, "file", "one delivery"), ({**OPTIONS, "path": "requests/{window}"}, "pull", "no windows")],
)
def test_a_contract_whose_pulls_could_leave_gaps_is_refused(
    tmp_path: Path, options: dict[str, Any], per: str, message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        City(tmp_path).declare(**declared(options, per), schedule=DAILY)
