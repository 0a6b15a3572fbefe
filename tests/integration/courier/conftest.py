"""What the courier's tests begin with: two nodes, a city, an application; made once, copied for each test."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cheap_locks import lock_cheaply
from one_city import City
from seller import Seller, settle, walked_city
from sent_applications import two_versions
from two_nodes import NodeHome, Two, confirmed, copied, make_nodes, unlock_nodes
from two_nodes import pair as pair_nodes

from shanhai.exchange.grants import Grant
from shanhai.ingest.files import in_turn


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Two nodes that know nothing of each other; nobody alters them."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "two_nodes"
    with in_turn(shared):
        if not (shared / "done").is_file():
            make_nodes(shared)
            (shared / "done").touch()
    return unlock_nodes(shared)


@pytest.fixture(autouse=True)
def _cheap_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test locks in this process takes no second; another process opens what was locked before."""
    lock_cheaply(monkeypatch)


@pytest.fixture
def two(nodes: Two, tmp_path: Path) -> Two:
    """Copies of both nodes, to be altered."""
    return copied(nodes, tmp_path)


@pytest.fixture
def paired(two: Two) -> Two:
    """Copies of both nodes, paired and active, to be altered."""
    pair_nodes(two)
    return two


@pytest.fixture
def pair(two: Two) -> Two:
    """Both have confirmed, and neither knows it of the other: that the first message tells."""
    confirmed(two)
    return two


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city whose table has four rows; nobody alters it."""
    return walked_city(tmp_path_factory.mktemp("city") / "root")


@pytest.fixture
def seller(paired: Two, city: City, tmp_path: Path) -> Seller:
    """Gongshu with a copy of the city's table, paired with Longyou, to be altered."""
    return settle(paired, city, tmp_path)


@pytest.fixture(scope="session")
def came(nodes: Two, tmp_path_factory: pytest.TempPathFactory) -> tuple[Two, Grant]:
    """Two versions of an application wait at Gongshu, under one grant; nobody alters them."""
    two = copied(nodes, tmp_path_factory.mktemp("came"))
    return two, two_versions(two)


@pytest.fixture
def choosing(came: tuple[Two, Grant], tmp_path: Path) -> Two:
    """A copy to be altered; both nodes go on at the relay where the versions came from."""
    return replace(copied(came[0], tmp_path), relay=came[0].relay)


@pytest.fixture
def node(choosing: Two) -> NodeHome:
    """Gongshu, where both versions wait, to be altered."""
    return choosing.gongshu
