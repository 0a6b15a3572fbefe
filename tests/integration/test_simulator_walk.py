"""The whole walk over the simulated districts ends with the ledger that the simulator states."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated import simulated_node

from infra.simulator import catalogue
from infra.simulator.statement import statement
from shanhai.ids import DatasetId
from shanhai.ingest.decide import decide
from shanhai.ingest.ledger import ledger
from shanhai.ingest.node import Node
from shanhai.ingest.walk import walk

QUICK = (
    "gongshu.resource_catalogue",
    "longyou.hazards",
    "zhaohua.buildings",
    "zhaohua.events",
    "zhaohua.villages",
)
COUNTS = ("rows_in", "loaded", "quarantined", "duplicates", "superseded", "withheld", "verdict")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with simulated_node(tmp_path) as node:
        yield node


def stated(name: str) -> list[dict]:
    """The simulator's lines of one dataset, by partition and digest."""
    lines = [line for line in statement()["deliveries"] if line["dataset"] == name]
    return sorted(lines, key=lambda line: (line["partition"], line["sha256"] or ""))


def booked(node: Node) -> list[dict]:
    """The ledger's lines, in the same order."""
    return sorted(
        (row.as_dict() for row in ledger(node)), key=lambda row: (row["partition"], row["snapshot_sha256"])
    )


def check_truth(node: Node, name: str) -> None:
    walk(node, DatasetId.parse(name))
    found, expected = booked(node), stated(name)
    assert [[line[count] for count in COUNTS] for line in found] == [
        [line[count] for count in COUNTS] for line in expected
    ]
    walk(node, DatasetId.parse(name))
    assert booked(node) == found


@pytest.mark.parametrize("name", QUICK)
def test_the_ledger_says_the_truth(node: Node, name: str) -> None:
    check_truth(node, name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in catalogue.NAMES if name not in QUICK])
def test_the_ledger_says_the_truth_of_the_rest(node: Node, name: str) -> None:
    check_truth(node, name)


def test_approving_the_held_delivery_loads_exactly_what_was_withheld(node: Node) -> None:
    walk(node, DatasetId("longyou", "hazards"))
    [held] = [row for row in ledger(node) if row.verdict == "held"]
    decide(node, held.delivery, "approve", by="tester", reason="the form was mended")
    [approved] = [row for row in ledger(node) if row.delivery == held.delivery]
    assert approved.verdict == "accepted"
    assert (approved.counts.loaded, approved.counts.withheld) == (held.counts.withheld, 0)
