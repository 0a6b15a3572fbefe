"""One clean walk for all tests that look at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clean_walk import Clean, walk_cleanly
from made_once import made_once


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """The walk of `clean_walk`, made once for all processes; nobody alters its home."""

    def walk(root: Path) -> None:
        root.mkdir()
        made = walk_cleanly(root)
        (root / "seen.json").write_text(json.dumps(sorted(made.seen)), encoding="utf-8")

    root = made_once(tmp_path_factory, "county", walk)
    seen = json.loads((root / "seen.json").read_text(encoding="utf-8"))
    return Clean(root / "home", frozenset((act, path) for act, path in seen))
