"""Two nodes for all tests of the courier: made once for all processes, copied for each test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from two_nodes import Two, confirmed, copied, make_nodes, unlock_nodes
from two_nodes import pair as pair_nodes

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
