"""How many data files a load opens: those that may hold rows which compete with it, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from one_city import COLUMNS, DATASET, City
from opened import opened_in

from shanhai.errors import StoreError
from shanhai.ids import DeliveryId
from shanhai.ingest import walk
from shanhai.ingest.decide import decide
from shanhai.ingest.known_files import KnownFiles
from shanhai.ingest.load import load, open_table
from shanhai.ingest.pending import pending

KEYED_BY_TIME = [*COLUMNS[:2], {**COLUMNS[2], "primaryKey": True}]
BY_N = {"rule": "latest", "by": "n"}


def ready(city: City, bodies: Iterable[str]) -> list[DeliveryId]:
    """Deliveries of these rows, pulled, staged and checked, in their order."""
    for number, rows in enumerate(bodies):
        city.put(f"p{number:03}.csv", f"编号,n,at\n{rows}\n")
    walk.pull_step(city.node, DATASET, None)
    walk.stage_step(city.node, DATASET)
    walk.check_step(city.node, DATASET)
    return sorted(pending(city.node, DATASET), key=lambda delivery: delivery.partition)


@dataclass(frozen=True)
class Seen:
    """The data files of the table before a load, and those that the load opened, its own among them."""

    there: frozenset[str]
    opened: frozenset[str]


def opened_by_each(city: City, deliveries: list[DeliveryId]) -> list[Seen]:
    """Which data files are opened while each delivery is loaded by a step of its own."""
    found = []
    for delivery in deliveries:
        there = frozenset(open_table(city.node, DATASET).files())
        with opened_in(city.node.table(DATASET)) as opened:
            assert load(city.node, delivery).verdict == "accepted"
        found.append(Seen(there, frozenset(opened.ending(".parquet"))))
    return found


def days(number: int) -> list[str]:
    return [f"meter,{day},2024-03-{day + 1:02}T08:00:00Z" for day in range(number)]


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "readings by meter and time": ({"columns": KEYED_BY_TIME, "versions": BY_N}, days(12)),
    "whole rows with a time": ({"duplicates": "table", "versions": {"rule": "append"}}, days(12)),
    "versions by time": ({"versions": {"rule": "history", "by": "at"}}, days(12)),
    "numbers that rise": ({}, [f"W2024-{n:04},1,2024-03-01T00:00:00Z" for n in range(12)]),
    "partitions": ({"versions": {"rule": "replace"}, "duplicates": "delivery"}, days(12)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_load_opens_as_many_files_however_many_there_are(make_city: Callable[..., City], case: str) -> None:
    declared, bodies = CASES[case]
    city = make_city(**declared)
    opened = opened_by_each(city, ready(city, bodies))
    assert len(city.rows("id")) == len(bodies)
    assert opened[-1].opened, "nothing was seen"
    assert len(opened[2].opened) == len(opened[-1].opened), opened
    assert len(opened[-1].there - opened[-1].opened) >= len(bodies) - 3, opened


def test_a_step_reads_keys_in_no_order_once(make_city: Callable[..., City]) -> None:
    opened: dict[int, int] = {}
    for number in (3, 9):
        city = make_city()
        bodies = [
            f"{n * 7919 % 1000:03},1,2024-03-01T00:00:00Z\n500,{n},2024-03-01T00:00:00Z"
            for n in range(number)
        ]
        # The last key is in all of them: each delivery competes with the one before.
        ready(city, bodies)
        with opened_in(city.node.table(DATASET)) as seen:
            walk.load_step(city.node, DATASET)
        opened[number] = len([name for name in seen.names if name.endswith(".parquet")])
        assert len(city.rows("id")) == number + 1
    # Three times as many are loaded; the square would be nine times as much.
    assert opened[9] < 5 * opened[3], opened


def test_a_withdrawal_opens_the_files_of_its_delivery(make_city: Callable[..., City]) -> None:
    opened: dict[int, int] = {}
    for number in (3, 9):
        city = make_city(duplicates="none", versions={"rule": "append"})
        deliveries = ready(city, days(number))
        walk.load_step(city.node, DATASET)
        with opened_in(city.node.table(DATASET)) as seen:
            decide(city.node, deliveries[1], "withdraw", by="Li", reason="wrong")
        opened[number] = len(seen.ending(".parquet"))
        assert len(city.rows("id")) == number - 1
    assert opened[3] == opened[9]


PERSONAL = {"property": "personal", "value": True}
GUARDED: dict[str, list[dict[str, Any]]] = {
    "personal": [
        {**COLUMNS[0], "customProperties": [*COLUMNS[0]["customProperties"], PERSONAL]},
        COLUMNS[1],
        {**COLUMNS[2], "customProperties": [PERSONAL]},
    ],
    "important": [
        {**COLUMNS[0], "classification": "important"},
        COLUMNS[1],
        {**COLUMNS[2], "classification": "core"},
    ],
}


@pytest.mark.parametrize("columns", GUARDED.values(), ids=GUARDED)
def test_bounds_of_what_is_guarded_are_not_told(
    make_city: Callable[..., City], columns: list[dict[str, Any]]
) -> None:
    """Whatever they are, rows that compete are found: their files are read."""
    city = make_city(columns=columns, versions={"rule": "history", "by": "at"}, duplicates="table")
    opened = opened_by_each(
        city,
        ready(
            city, [*(f"Li{n},1,2024-03-0{n + 1}T00:00:00Z" for n in range(3)), "Li0,1,2024-03-01T00:00:00Z"]
        ),
    )
    assert [len(seen.there) for seen in opened[:3]] == [0, 1, 2]
    for seen in opened:
        assert seen.there <= seen.opened, opened
    assert city.rows("id") == [("Li0",), ("Li1",), ("Li2",)]
    log = "".join(file.read_text() for file in log_of(city).glob("*.json"))
    assert "minValues" in log
    assert "Li0" not in log
    assert "2024-03-01T00:00:00" not in log.replace(f"{city.now:%Y}-03-01T00:00:0", "")


def log_of(city: City) -> Path:
    return city.node.table(DATASET) / "_delta_log"


@pytest.mark.parametrize("far", [True, False])
def test_a_file_that_is_cut_off_stops_a_load_that_need_not_read_it(
    make_city: Callable[..., City], far: bool
) -> None:
    city = make_city(columns=KEYED_BY_TIME, versions=BY_N)
    first, second = ready(city, days(2))
    load(city.node, first)
    (name,) = open_table(city.node, DATASET).files()
    file = city.node.table(DATASET) / name
    known = KnownFiles(remembers=True)
    if not far:
        known.check_whole(open_table(city.node, DATASET))
    bytes_of_it = file.read_bytes()
    file.unlink()
    file.write_bytes(bytes_of_it[:-1])
    if far:
        with pytest.raises(StoreError, match="cut off"):
            load(replace(city.node, known={DATASET: known}), second)
    else:
        # It was looked at in this step; of what is about to be read that is not enough.
        known.check_whole(open_table(city.node, DATASET))
        with pytest.raises(StoreError, match="cut off"):
            known.check_whole(open_table(city.node, DATASET), [name])
    file.write_bytes(bytes_of_it)
    load(city.node, second)
