"""One clean walk for all tests that look at it."""

from __future__ import annotations

import pytest
from clean_walk import Clean, walk_cleanly


@pytest.fixture(scope="package")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return walk_cleanly(tmp_path_factory.mktemp("county"))
