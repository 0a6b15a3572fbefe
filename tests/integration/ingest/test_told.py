"""What was held or refused is told, also when the process dies before it could tell."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shanhai.ids import DatasetId
from shanhai.ingest import walk
from shanhai.ingest.check import check
from shanhai.ingest.decide import decide
from shanhai.ingest.load import load
from shanhai.ingest.node import Node, open_node
from shanhai.ingest.pending import pending
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage
from shanhai.settings import read_settings
from tests.conformance.far_side import Asked, FarSide, Reply

DATASET = DatasetId("acity", "events")
GOOD = "编号,n,at\na,1,2024-01-01\nb,2,2024-01-01\n"
HELD = "编号,n,at\nc,x,2024-01-01\nd,x,2024-01-01\ne,1,2024-01-01\n"


class Phone:
    """Where alerts arrive; while it is `deaf` it answers with an error."""

    def __init__(self) -> None:
        self.heard: list[dict[str, object]] = []
        self.deaf = False

    def __call__(self, asked: Asked) -> Reply:
        if self.deaf:
            return Reply(b"later", status=503)
        self.heard.append(json.loads(asked.body))
        return Reply(b"ok")

    @property
    def events(self) -> list[tuple[object, object]]:
        return [(one["event"], str(one["delivery"]).split("/")[1]) for one in self.heard]


@pytest.fixture
def phone() -> Iterator[tuple[Phone, str]]:
    listener = Phone()
    with FarSide(listener) as far:
        yield listener, far.address


def _node(root: Path, address: str) -> Node:
    return open_node(read_settings(home=root / "home", federation=root, notify_url=address))


def _commit_and_die(root: Path, address: str) -> None:
    """What a killed task leaves: the commit is there, and nobody was told."""
    node = _node(root, address)
    pull(node, DATASET)
    for delivery in pending(node, DATASET):
        stage(node, delivery)
        check(node, delivery)
        load(node, delivery)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_verdict_that_nobody_was_told_of_is_told_by_the_next_run(city, phone):
    listener, address = phone
    city.put("p1.csv", GOOD)
    city.put("p2.csv", HELD)
    task = multiprocessing.get_context("spawn").Process(target=_commit_and_die, args=(city.root, address))
    task.start()
    task.join(timeout=300)
    assert task.exitcode == -signal.SIGKILL
    node = _node(city.root, address)
    assert pending(node, DATASET) == []
    assert listener.events == []
    walk.load_step(node, DATASET)
    assert listener.events == [("held", "p2")]
    walk.load_step(node, DATASET)
    assert listener.events == [("held", "p2")]


def test_who_could_not_be_reached_is_told_again(city, phone):
    listener, address = phone
    node = _node(city.root, address)
    city.put("p1.csv", HELD)
    listener.deaf = True
    walk.walk(node, DATASET)
    listener.deaf = False
    city.put("p2.csv", HELD.replace("e,1", "f,1"))
    walk.walk(node, DATASET)
    assert listener.events == [("held", "p1"), ("held", "p2")]


def test_a_delivery_that_was_decided_meanwhile_is_not_told(city, phone):
    listener, address = phone
    node = _node(city.root, address)
    city.put("p1.csv", HELD)
    listener.deaf = True
    walk.walk(node, DATASET)
    listener.deaf = False
    (held,) = [row.delivery for row in city.ledger().values()]
    decide(node, held, "approve", by="Li", reason="right after all")
    walk.load_step(node, DATASET)
    assert listener.events == []
