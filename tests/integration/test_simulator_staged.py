"""Staging finds in the simulated deliveries exactly what was planted into them, rule by rule."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated import simulated_node

from infra.simulator import catalogue
from infra.simulator.deliveries import Delivery
from infra.simulator.statement import statement
from shanhai.contracts.federation import open_federation
from shanhai.ids import DatasetId
from shanhai.ingest.node import Node
from shanhai.ingest.snapshot import pull
from shanhai.ingest.stage import stage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with simulated_node(tmp_path_factory.mktemp("home")) as node:
        yield node


@pytest.fixture(scope="module")
def told() -> dict[tuple[str, str], dict]:
    """The stated truth, by dataset and by digest of the file, or by partition where there are pages."""
    return {
        (line["dataset"], line["sha256"] or line["partition"]): line for line in statement()["deliveries"]
    }


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_counts_are_those_that_were_planted(node: Node, told: dict[tuple[str, str], dict], name: str) -> None:
    delivered = pull(node, DatasetId.parse(name))
    assert len(delivered) == len(catalogue.dataset(name).deliveries)
    for delivery in delivered:
        line = told.get((name, delivery.snapshot)) or told[(name, delivery.partition)]
        planted = catalogue.dataset(name).delivery(line["name"])
        staging = stage(node, delivery)
        assert staging.unreadable is None
        assert (staging.missing, staging.unknown) == ((), ())
        assert staging.rows_in == line["rows_in"]
        assert staging.quarantined == line["quarantined"]
        assert {rule: count for rule, count in staging.counts.items() if count} == line["reasons"]
        assert sum(staging.malformed.values()) == line["malformed"]
        assert staging.duplicates == _within(planted, "exact duplicate")
        assert staging.superseded == _within(planted, "conflicting versions")


@pytest.mark.parametrize(("name", "rows"), [("area_codes", {657, 661, 671}), ("area_changes", {7})])
def test_the_register_loads_without_a_fault(node: Node, name: str, rows: set[int]) -> None:
    stagings = [stage(node, delivery) for delivery in pull(node, DatasetId("statistics", name))]
    assert {staging.rows_in for staging in stagings} == {staging.good for staging in stagings} == rows


def test_nothing_new_is_pulled_a_second_time(node: Node) -> None:
    assert pull(node, DatasetId("zhaohua", "villages")) == []


def test_every_simulated_dataset_has_a_contract() -> None:
    contracts = open_federation(ROOT).contracts
    assert {str(dataset) for dataset in contracts} >= set(catalogue.NAMES)
    for name in catalogue.NAMES:
        contract = contracts[DatasetId.parse(name)]
        declared = {column.source for column in contract.columns} | set(contract.ignored)
        assert declared == {column.source for column in catalogue.dataset(name).columns}


def _within(planted: Delivery, fault: str) -> int:
    return sum(row.fault == fault for row in planted.rows)
