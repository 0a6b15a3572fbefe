"""Under a real Airflow: marts follow the command line, and an open calendar is filled backwards."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from little_county import County
from under_airflow import Node

from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import open_node
from shanhai.settings import read_settings
from shanhai.warehouse.lake import LakeTable

pytestmark = pytest.mark.e2e

SECONDS = 240
PATIENT = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300"}
"""Nothing is killed here: a machine that is busy is no reason to give a task up."""
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DECIDED = ("--by", "Li Wei", "--reason", "recalled")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Two rounds of files, walked at the command line; then Airflow, where visits have an open calendar."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    county = County(tmp_path_factory.mktemp("county"), seed)
    county.declare(retries=1)
    _open_a_calendar(county)
    made = Node(county, county.root / "home", PATIENT)
    for number in range(2):
        county.send(number)
        assert county.run(made.home, "walk", "--all") == 0
    with made.up() as api:
        api.unpause("watch")
        made.wait_until_idle(seconds=SECONDS)
        yield made


def _open_a_calendar(county: County) -> None:
    file = county.root / "dags" / "datasets.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    for knobs in document["datasets"]:
        if knobs["dataset"] == "acounty.visits":
            knobs |= {"cron": "0 3 * * *", "window": "%Y-%m-%d", "start": "2024-01-02", "end": None}
    file.write_text(json.dumps(document), encoding="utf-8")


def watched(node: Node) -> int:
    """Let `watch` look once; how many builds have ended by then."""
    assert node.api is not None
    node.api.trigger("watch")
    node.wait_until_idle(seconds=SECONDS)
    assert node.failed() == []
    return node.api.count("warehouse", state=["success"])


def loaded(node: Node) -> str:
    """A delivery of events that has rows in the lake which no other brought."""
    settings = read_settings(home=node.home, federation=node.county.root)
    books = ledger(open_node(settings))
    found = [row for row in books if str(row.delivery.dataset) == "acounty.events" and row.counts.loaded]
    return str(max(found, key=lambda row: row.counts.loaded).delivery)


def rows(folder: Path) -> list[tuple[object, ...]]:
    relation = LakeTable.open(folder).relation()
    return duckdb.connect().execute(f"SELECT id, n, seen_at FROM {relation} ORDER BY ALL").fetchall()


def test_watch_lets_the_marts_follow_a_withdrawal(node: Node) -> None:
    mart, lake = node.home / "marts" / "mart_every_event", node.home / "lake" / "acounty" / "events"
    builds = watched(node)
    assert rows(mart) == rows(lake) != []
    before = rows(lake)
    assert node.county.run(node.home, "delivery", "withdraw", loaded(node), *DECIDED) == 0
    assert len(rows(lake)) < len(before)
    assert rows(mart) == before
    assert watched(node) == builds + 1
    assert rows(mart) == rows(lake) != before
    assert watched(node) == builds + 1, "nothing is left to follow"


def test_an_open_calendar_is_filled_for_any_range_and_again(node: Node) -> None:
    assert node.api is not None
    before = rows(node.home / "lake" / "acounty" / "visits")
    # From before its start on, then a part of it once more: Airflow makes another run of that window.
    first = filled(node, "2024-01-01", "2024-01-03")
    assert {key: run["state"] for key, run in first.items()} == dict.fromkeys(DAYS, "success")
    again = filled(node, "2024-01-02", "2024-01-02")
    assert {key: run["state"] for key, run in again.items()} == dict.fromkeys(DAYS, "success")
    began = [key for key in DAYS if first[key]["start_date"] != again[key]["start_date"]]
    assert began == ["2024-01-02"]
    assert rows(node.home / "lake" / "acounty" / "visits") == before


def filled(node: Node, first: str, last: str) -> dict[str, Any]:
    """The last run of each window, of a backfill and of those before it, by the window's key."""
    assert node.api is not None
    number = node.api.backfill("acounty__visits", f"{first}T00:00:00Z", f"{last}T23:59:59Z")
    until = time.monotonic() + SECONDS
    while not node.api.backfill_done(number):
        assert time.monotonic() < until, node.stuck()
        time.sleep(1)
    found = node.api._get("/api/v2/dags/acounty__visits/dagRuns", {"run_type": ["backfill"]})["dag_runs"]
    return {run["partition_key"]: run for run in sorted(found, key=lambda run: run["start_date"])}
