"""Cities with one dataset each; whatever a test does to one, its books balance at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from one_city import City

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
