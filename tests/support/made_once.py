"""Folders that one of the processes of a test run makes, and all of them read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shanhai.ingest.files import in_turn


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of this name, for all processes; nobody alters it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with in_turn(shared):
        if not (shared / "done").is_file():
            make(shared / "made")
            (shared / "done").touch()
    return shared / "made"
