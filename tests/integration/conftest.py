"""One walked home for all tests that only look at it or alter a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_once import made_once
from walked import Walked, walked


@pytest.fixture(scope="session")
def walked_home(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The small home of `walked`, with marts and report, made once for all processes; nobody alters it."""
    return Walked(made_once(tmp_path_factory, "walked", walked))


@pytest.fixture
def node(walked_home: Walked, tmp_path: Path) -> Walked:
    """A copy of it, to be altered."""
    return copied(walked_home, tmp_path / "node")


def copied(node: Walked, root: Path) -> Walked:
    """A node elsewhere with the same home, without what dbt leaves behind."""
    shutil.copytree(
        node.root, root, ignore=shutil.ignore_patterns("dbt", "logs", "airflow", "target", "recount")
    )
    return Walked(root)
