"""A column that came later: which deliveries may lack it, and what a `since` can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from plain_contract import plain_contract

from shanhai.contracts.model import Column, Contract, Delivering, Partition, Schedule, Source
from shanhai.contracts.since import Age, check_since, is_older, since_of
from shanhai.errors import ContractError

FILES = {"delivery": Delivering(partition=Partition(by="file", pattern="(?P<partition>.+)"))}
DAILY = {
    "delivery": Delivering(partition=Partition(by="window")),
    "schedule": Schedule(cron="0 2 * * *", start="2024-01-01", window="%d.%m.%Y"),
}
PER_WINDOW = {
    **DAILY,
    "delivery": Delivering(),
    "source": Source(connector="rest", endpoint="api", options={"path": "day/{window}"}),
}
LATE, EARLY = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 3, 4, 15, 59, tzinfo=UTC)


def column(since: str | None, **changed: Any) -> Column:
    return Column(name="note", source="备注", type="string", since=since, **changed)


def promised(one: Column, **changed: Any) -> Contract:
    meter = Column(name="meter_id", source="编号", type="string", required=True)
    files = Source(connector="files", endpoint="portal", options={"path": "*.csv"})
    return plain_contract("longyou.meters", meter, one, **{"source": files, **changed})


OLDER = [
    (FILES, "2024-03-05", Age("2024-03-04", None, LATE), True),
    (FILES, "2024-03-05", Age("2024-03-05", None, EARLY), False),
    (FILES, "v10", Age("v9", None, LATE), True),
    (FILES, "2024-03", Age("2024-03-01", None, LATE), False),
    (DAILY, "01.03.2024", Age("28.02.2024", "28.02.2024", LATE), True),
    (DAILY, "01.03.2024", Age("02.03.2024", "02.03.2024", EARLY), False),
    (PER_WINDOW, "01.03.2024", Age("all", "28.02.2024", LATE), True),
    (PER_WINDOW, "01.03.2024", Age("all", None, EARLY), False),
    ({}, "2024-03-05", Age("all", None, EARLY), True),
    ({}, "2024-03-04", Age("all", None, EARLY), False),
    ({}, "2024-03-04T15:59:00+00:00", Age("all", None, EARLY), False),
    ({}, None, Age("all", None, EARLY), False),
]


@pytest.mark.parametrize(("stated", "since", "age", "expected"), OLDER)
def test_a_delivery_is_older_by_its_window_its_name_or_its_pull(
    stated: dict[str, Any], since: str | None, age: Age, expected: bool
):
    one = column(since)
    assert is_older(promised(one, **stated), one, age) is expected


@pytest.mark.parametrize(
    ("stated", "age", "expected"),
    [
        (FILES, Age("2024-03-05", None, LATE), "2024-03-05"),
        (FILES, Age("north", None, LATE), None),
        (DAILY, Age("05.03.2024", "05.03.2024", LATE), "05.03.2024"),
        ({}, Age("all", None, EARLY), "2024-03-04T23:59:00+08:00"),
    ],
)
def test_the_first_delivery_with_a_column_is_not_older_than_it(
    stated: dict[str, Any], age: Age, expected: str | None
):
    since = since_of(promised(column(None), **stated), age)
    assert since == expected
    assert not is_older(promised(column(since), **stated), column(since), age)


@pytest.mark.parametrize(
    ("one", "stated", "said"),
    [
        (column("2024-03-05", required=True), FILES, "since of a required column"),
        (column("soon"), {}, "since when"),
        (column("2024-03-05"), DAILY, "since when"),
    ],
)
def test_a_since_that_cannot_be_is_refused(one: Column, stated: dict[str, Any], said: str):
    def complain(message: str, path: Any, **facts: Any) -> ContractError:
        return ContractError(f"{message} {path}", file="f", line=1, **facts)

    with pytest.raises(ContractError, match=said):
        check_since(promised(one, **stated), complain)
