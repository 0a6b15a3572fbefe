"""Cities with one dataset each, whose books balance at the end whatever a test does; and drafts of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from one_city import City

from shanhai.cli import main
from shanhai.contracts.federation import open_federation
from shanhai.contracts.model import Contract
from shanhai.ids import DatasetId
from shanhai.ingest.ledger import ledger


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    place = City(tmp_path)
    place.declare()
    yield place
    for row in ledger(place.node):
        assert row.counts.balanced, row


@pytest.fixture
def make_city(tmp_path: Path) -> Callable[..., City]:
    made = 0

    def make(**properties: Any) -> City:
        nonlocal made
        made += 1
        root = tmp_path / f"city{made}"
        root.mkdir()
        place = City(root)
        place.declare(**properties)
        return place

    return make


@pytest.fixture
def draft_of(tmp_path: Path) -> Callable[..., tuple[Contract, str]]:
    """Draft a contract of files below `data` at the command line; the contract as read, and its page."""
    (tmp_path / "districts" / "longyou").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    district = "name: longyou\ntitle: 龙游\nendpoints: {folder: data}\n"
    (tmp_path / "districts" / "longyou" / "district.yml").write_text(district, encoding="utf-8")

    def draft(source: str, *arguments: str) -> tuple[Contract, str]:
        output = tmp_path / "districts" / "longyou" / "visits.odcs.yml"
        called = ["contract", "infer", str(tmp_path / "data" / source), "--output", str(output), *arguments]
        assert main(["--home", str(tmp_path / "home"), "--federation", str(tmp_path), *called]) == 0
        contract = open_federation(tmp_path).contract(DatasetId("longyou", "visits"))
        return contract, output.read_text(encoding="utf-8")

    return draft
