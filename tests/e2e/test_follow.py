"""Under a real Airflow: marts follow the command line, a calendar is filled backwards, people decide."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from killed_county import of_a_verdict
from little_county import RULES, County
from metadata import place_metadata
from plain_state import differences, read_state, read_table
from under_airflow import Node

from infra.local.api import Run
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import open_node
from shanhai.settings import read_settings
from shanhai.warehouse.lake import LakeTable
from tests.conformance.far_side import Asked, FarSide, Reply

pytestmark = pytest.mark.e2e

SECONDS = 240
PATIENT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__CORE__TASK_SUCCESS_OVERTIME": "300",
}
"""Nothing is killed here: a machine that is busy is no reason to give a task up.

Airflow learns that a task failed for good when its process has ended, and well: one that it ends itself
because telling somebody took it too long, or whose end it did not hear of, counts as one to try again.
A scheduler that did not run for longer than its threshold takes itself for dead and its tasks for orphans.
"""
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
NOT_ASKED = ["2023-12-31", "2024-01-04"]
WINDOWED = {
    "source": {"connector": "files", "endpoint": "data", "options": {"path": "days/{window}.csv"}},
    "delivery": {"per": "file", "partition": {"by": "window"}},
    "schedule": {"cron": "0 3 * * *", "start": "2024-01-02"},
}
"""What its source gives is the file of the window that is asked for, and nothing without one."""
RELEASED = "only rows of an accepted delivery are released, or taken back"
DECIDED = ("--by", "Li Wei", "--reason", "recalled")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Three rounds of files, walked at the command line; then Airflow, where `days` has an open calendar."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    county = County(tmp_path_factory.mktemp("county"), seed, {**RULES, "days": WINDOWED})
    county.declare(retries=1)
    _open_a_calendar(county)
    heard: list[dict[str, Any]] = []

    def listen(asked: Asked) -> Reply:
        heard.append(json.loads(asked.body))
        return Reply(b"ok")

    with FarSide(listen) as far:
        made = Node(county, county.root / "home", {**PATIENT, "SHANHAI_NOTIFY_URL": far.address})
        made.heard = heard
        place_metadata(made.layout, tmp_path_factory)
        for number in range(3):
            county.send(number, files=3)
            assert county.run(made.home, "walk", *(f"acounty.{name}" for name in RULES)) == 0
        with made.up() as api:
            api.unpause("watch")
            made.wait_until_idle(seconds=SECONDS)
            yield made


def _open_a_calendar(county: County) -> None:
    """It begins long after today: no run of its own comes between those that a test asks for."""
    file = county.root / "dags" / "datasets.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    for knobs in document["datasets"]:
        if knobs["dataset"] == "acounty.days":
            knobs |= {"cron": "0 3 * * *", "window": "%Y-%m-%d", "start": "2099-01-01", "end": None}
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
    lake = node.home / "lake" / "acounty" / "days"
    for day in (*DAYS, *NOT_ASKED):
        body = "".join(f"{day} {number},{number},{day},\n" for number in range(3))
        (node.county.root / "data" / "days" / f"{day}.csv").write_text(f"id,n,seen_at,note\n{body}")
    assert not (lake / "_delta_log").exists()
    # From before its start on, then a part of it once more: Airflow makes another run of that window.
    first = filled(node, DAYS[0], DAYS[-1])
    node.wait_until_idle(seconds=SECONDS)
    assert node.failed() == []
    assert {key: run["state"] for key, run in first.items()} == dict.fromkeys(DAYS, "success")
    assert [row[0] for row in rows(lake)] == [f"{day} {number}" for day in DAYS for number in range(3)]
    before = rows(lake), versions(node)
    again = filled(node, DAYS[1], DAYS[1])
    assert {key: run["state"] for key, run in again.items()} == dict.fromkeys(DAYS, "success")
    assert [key for key in DAYS if first[key]["start_date"] != again[key]["start_date"]] == [DAYS[1]]
    assert (rows(lake), versions(node)) == before


def filled(node: Node, first: str, last: str) -> dict[str, Any]:
    """The last run of each window, of a backfill and of those before it, by the window's key."""
    assert node.api is not None
    number = node.api.backfill("acounty__days", f"{first}T00:00:00Z", f"{last}T23:59:59Z")
    node.wait_for(partial(node.api.backfill_done, number), seconds=SECONDS)
    found = node.api._get("/api/v2/dags/acounty__days/dagRuns", {"run_type": ["backfill"]})["dag_runs"]
    return {run["partition_key"]: run for run in sorted(found, key=lambda run: run["start_date"])}


def test_every_decision_is_carried_out_once(node: Node) -> None:
    state = read_state(node.home)
    first, second = of_a_verdict(state, "held", "events")
    counted, released, *_ = of_a_verdict(state, "accepted", "counts")
    replayed, discarded, *_ = of_a_verdict(state, "accepted", "visits")
    node.county.declare(retries=1, wide=1)
    _open_a_calendar(node.county)
    decisions: list[tuple[str, str, list[str]]] = [
        ("approve", first, []),
        ("refuse", second, []),
        ("withdraw", counted, []),
        ("replay", replayed, []),
        ("release", released, ["n.range"]),
        ("revoke", released, []),
        ("discard", discarded, ["n.type"]),
        ("reopen", discarded, []),
    ]
    runs = [node.decide(delivery, action, rules) for action, delivery, rules in decisions]
    node.wait_until_idle(seconds=SECONDS)
    assert [ended(node, run)["decide"] for run in runs] == [("success", 1)] * len(decisions)
    # What is released or taken back is judged again.
    kinds = {"release": "replay", "revoke": "replay"}
    entered = decided(node)
    told = Counter((line["kind"], line["delivery"]) for line in entered)
    assert Counter((kinds.get(action, action), delivery) for action, delivery, _ in decisions) <= told
    let_in, taken_back = [line["quarantined"] for line in entered if line["delivery"] == released]
    assert let_in < 0 < taken_back
    now = read_state(node.home)
    assert now.faults == []
    verdicts = [now.verdicts[name] for name in (first, second, counted, replayed, released)]
    assert verdicts == ["accepted", "refused", "withdrawn", "accepted", "accepted"]
    # A number that is a little below zero is none that is refused any more.
    assert now.nets[replayed][2] < state.nets[replayed][2]
    assert rows(node.home / "marts" / "mart_every_event") == rows(node.home / "lake" / "acounty" / "events")
    # Approved, released and discarded; each is reversed by now.
    reversed_ = [runs[place] for place in (0, 4, 6)]
    assert node.county.run(node.home, "delivery", "withdraw", first, *DECIDED) == 0
    before = versions(node)
    for run in reversed_:
        node.clear(run, only_failed=False)
    node.wait_until_idle(seconds=SECONDS)
    assert [ended(node, run)["decide"] for run in reversed_] == [("success", 2)] * 3
    assert versions(node) == before
    assert rows(node.home / "marts" / "mart_every_event") == rows(node.home / "lake" / "acounty" / "events")


def test_what_is_denied_is_told_at_once_and_changes_nothing(node: Node) -> None:
    state = read_state(node.home)
    refused, *_ = of_a_verdict(state, "refused", "events")
    accepted, *_ = of_a_verdict(state, "accepted", "counts")
    unknown = f"{accepted.rpartition('/')[0]}/{'0' * 64}"
    wrong = "fix the configuration"
    denials = [
        ("refuse", accepted, [], "denied", "a delivery that is accepted cannot be changed so"),
        ("withdraw", refused, [], "denied", "a delivery that is refused cannot be changed so"),
        ("replay", refused, [], "denied", "only an accepted delivery is replayed"),
        ("release", refused, ["n.range"], "denied", RELEASED),
        ("release", accepted, ["n.type"], "denied", "a rule cannot be waived"),
        ("release", accepted, ["n.tipe"], wrong, "there is no such rule to waive"),
        (
            "revoke",
            accepted,
            ["id.required"],
            wrong,
            "something of that is not waived for the delivery; nothing was changed",
        ),
        ("discard", accepted, ["id.required"], wrong, "no open row broke such a rule"),
        ("reopen", accepted, [], wrong, "no such rule is discarded"),
        ("replay", accepted, ["n.range"], wrong, "the decision replay is about a whole delivery"),
        ("approve", unknown, [], wrong, "no such delivery"),
    ]
    builds = node.api.count("warehouse")
    runs = [node.decide(delivery, action, rules) for action, delivery, rules, *_ in denials]
    already = node.decide(accepted, "approve")
    node.wait_until_idle(seconds=SECONDS)
    # What is so already is no failure, nobody is told of it, and nothing is built.
    assert ended(node, already)["decide"] == ("success", 1)
    assert told_of(node, already) == []
    for run, (action, _, _, recovery, message) in zip(runs, denials, strict=True):
        denied = {"decide": ("failed", 1), "announce": ("upstream_failed", 0)}
        assert ended(node, run) == denied, (action, node.log(run, "decide"))
        (told,) = told_of(node, run)
        assert (told["recovery"], told["message"]) == (recovery, message)
    assert differences(state, read_state(node.home)) == []
    assert node.api.count("warehouse") == builds
    with pytest.raises(httpx.HTTPStatusError, match="40"):
        node.decide(accepted, "burn")


def test_a_purge_takes_texts_and_what_it_took_is_not_judged_again(node: Node) -> None:
    accepted, *_ = of_a_verdict(read_state(node.home), "accepted", "visits")
    assert texts(node) > 0
    purge = node.purge(days=400)
    node.wait_until_idle(seconds=SECONDS)
    assert ended(node, purge) == {"purge": ("success", 1)}
    assert texts(node) == 0
    before = read_state(node.home)
    assert before.faults == []
    run = node.decide(accepted, "replay")
    node.wait_until_idle(seconds=SECONDS)
    assert ended(node, run)["decide"] == ("failed", 1)
    (told,) = told_of(node, run)
    assert told["message"] == "the delivery was purged by retention, and is not staged again"
    assert differences(before, read_state(node.home)) == []


def ended(node: Node, run: Run) -> dict[str, tuple[str, int]]:
    """How each task of a run ended, and at which try."""
    assert node.api is not None
    return {task["task_id"]: (task["state"], task["try_number"]) for task in node.api.tasks(run)}


def told_of(node: Node, run: Run) -> list[dict[str, Any]]:
    """The alerts that tell of a run."""
    return [alert for alert in node.heard if alert.get("run") == run.run_id]


def decided(node: Node) -> list[dict[str, Any]]:
    """The entries of what people decided, as the commits say; those of a dataset in their order."""
    tables = [read_table(log.parent) for log in node.home.glob("lake/acounty/*/_delta_log")]
    lines = (line for table in tables for facts in table.facts.values() for line in facts.get("entries", ()))
    return [line for line in lines if line["decided_by"] == "Li Wei"]


def versions(node: Node) -> dict[str, int]:
    """How many commits each dataset's table has."""
    logs = node.home.glob("lake/acounty/*/_delta_log")
    return {log.parent.name: read_table(log.parent).version for log in logs}


def texts(node: Node) -> int:
    """Refused rows of the home that have their text."""
    files = [str(file) for file in node.home.glob("quarantine/*.parquet")]
    (found,) = duckdb.execute("SELECT count(raw) FROM read_parquet(?)", [files]).fetchone() or (0,)
    return int(found)
