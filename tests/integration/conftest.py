"""One walked home for all tests that only look at it or alter a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from walked import Walked, walked

from shanhai.ingest.files import in_turn


@pytest.fixture(scope="session")
def walked_home(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The small home of `walked`, with marts and report, made once for all processes; nobody alters it."""
    return Walked(made_once(tmp_path_factory, "walked", walked))


@pytest.fixture
def node(walked_home: Walked, tmp_path: Path) -> Walked:
    """A copy of it, to be altered."""
    return copied(walked_home, tmp_path / "node")


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one of the processes makes and all of them read."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with in_turn(shared):
        if not (shared / "done").is_file():
            make(shared / "made")
            (shared / "done").touch()
    return shared / "made"


def copied(node: Walked, root: Path) -> Walked:
    """A node elsewhere with the same home, without what dbt leaves behind."""
    shutil.copytree(node.root, root, ignore=shutil.ignore_patterns("dbt", "logs", "airflow", "target"))
    return Walked(root)
